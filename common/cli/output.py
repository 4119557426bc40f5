"""How a command shows what it did: JSON for scripts, a table on a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from common.errors import InvalidInput, ServiceError

Facts = Mapping[str, Any]


def as_json(value: Any) -> str:
    """One line of JSON of Structs and plain values."""
    return msgspec.json.encode(value).decode()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, (list, tuple, frozenset, set)):
        return ", ".join(_text(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return as_json(value)
    return str(value)


def facts_of(value: msgspec.Struct | Facts) -> dict[str, Any]:
    """A Struct's fields, or a mapping, by name."""
    return msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else dict(value)


def show_facts(facts: Facts, *, is_json: bool) -> None:
    """One thing: JSON object, or a line a fact."""
    if is_json:
        click.echo(as_json(facts))
        return
    widest = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        label = name.replace("_", " ")
        click.echo(f"{label:<{widest}}  {_text(value)}" if sys.stdout.isatty() else f"{label}\t{_text(value)}")


def show_rows(name: str, rows: Sequence[Facts], columns: Sequence[str], *, is_json: bool) -> None:
    """Many things: JSON object with one list, or a table of some columns."""
    if is_json:
        click.echo(as_json({name: rows}))
    elif sys.stdout.isatty():
        _show_table(rows, columns)
    else:
        for row in rows:
            click.echo("\t".join(_text(row[column]) for column in columns))


def _show_table(rows: Sequence[Facts], columns: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # an id that is cut cannot be copied
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    Console().print(table, markup=False) if rows else click.echo("None.")


def show_refusal(error: ServiceError, *, is_json: bool) -> None:
    """Why a command was refused, on standard error."""
    if is_json:
        problem = {"kind": error.kind, "title": error.title, "detail": error.detail, **error.facts}
        # the contract's refusals carry their own texts
        if messages := getattr(error, "messages", None):
            problem["messages"] = messages
        click.echo(as_json(problem), err=True)
        return
    click.echo(f"refused: {error.detail}", err=True)
    if isinstance(error, InvalidInput):
        for fault in error.faults:
            click.echo(f"  {fault['field']}: {fault['message']}", err=True)
    for message in getattr(error, "messages", []):
        if message != error.detail:
            click.echo(f"  {message}", err=True)
