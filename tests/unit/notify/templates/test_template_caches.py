"""How much of its templates a process keeps in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from common.db import Database
from services.notify.context import Context
from services.notify.settings import NotifySettings
from services.notify.templates import store
from services.notify.templates.store import TemplateVersionRow

LARGEST = 2_000_000
SERVICE = UUID(int=1)


def a_row(number: int, content: str) -> TemplateVersionRow:
    return TemplateVersionRow(
        template_id=UUID(int=number),
        version=1,
        service_id=SERVICE,
        channel="email",
        name="Permit",
        subject="Your permit",
        content=content,
        lane="normal",
        has_unsubscribe_link=False,
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        updated_at=None,
        created_by="a",
        archived_at=None,
    )


class Reading:
    """A database whose templates are all of the largest size; counts how often each is read."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    def reading(self) -> Reading:
        return self

    async def __aenter__(self) -> Reading:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def current(self, _tx: Any, _service: UUID, template: UUID) -> TemplateVersionRow:
        self.reads.append(template.int)
        return a_row(template.int, "x" * LARGEST)


def a_context(keyring: str, database: object = None) -> Context:
    return Context(NotifySettings(), cast(Database, database), keys=keyring)


def test_an_everyday_template_is_compiled_once(keyring: str) -> None:
    context = a_context(keyring)
    rows = [a_row(number, "Hi ((name))") for number in range(1_000)]
    compiled = [context.compiled(row) for row in rows]
    assert all(context.compiled(row) is known for row, known in zip(rows, compiled, strict=True))


@pytest.mark.parametrize("unit", ["x", "((a))x"])
def test_compiled_templates_of_the_largest_size_do_not_fill_the_memory(keyring: str, unit: str) -> None:
    context = a_context(keyring)
    size = LARGEST if unit == "x" else 60_000
    for number in range(12):
        context.compiled(a_row(number, unit * (size // len(unit))))
    kept = [template for template, _ in context._compiled._kept.values()]
    assert 0 < len(kept) < 8
    assert sum(template.weight() for template in kept) <= 64_000_000


def test_the_compiled_template_used_last_stays(keyring: str) -> None:
    context = a_context(keyring)
    everyday = a_row(1_000, "Hi ((name))")
    compiled = context.compiled(everyday)
    for number in range(12):
        context.compiled(a_row(number, "x" * LARGEST))
        assert context.compiled(everyday) is compiled


async def test_template_rows_of_the_largest_size_do_not_fill_the_memory(
    keyring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Reading()
    monkeypatch.setattr(store, "current", database.current)
    context = a_context(keyring, database)
    for number in range(20):
        assert await context.template(SERVICE, UUID(int=number), None) is not None
    assert 10 <= len(context._templates._kept) <= 32_000_000 // LARGEST
    assert database.reads == list(range(20))
