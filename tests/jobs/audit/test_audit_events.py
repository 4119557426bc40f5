"""What an audit log promises: written with the change, never changed after, without personal data."""

from __future__ import annotations

import re
from uuid import UUID

import asyncpg
import msgspec
import pytest

from common.audit import Action, Actor, list_events, record
from common.db import Database
from common.http.trace import begin_trace
from common.ids import uuid7

OPERATOR = Actor("operator", "018f3b6a-1234-7abc-8def-0123456789ab", "10.0.0.12")


class ReplyTo(msgspec.Struct):
    id: UUID
    address: str
    is_default: bool
    contact: str = "call +44 20 7946 0018 or 07700 900123"


async def write(db: Database, *, service_id: UUID | None = None, subject: str = "template-1") -> UUID:
    async with db.transaction() as tx:
        return await record(
            tx,
            "notify",
            action=Action.NOTIFY_TEMPLATE_UPDATE,
            who=OPERATOR,
            subject_id=subject,
            service_id=service_id,
            before={"version": 1},
            after={"version": 2},
        )


async def test_an_event_tells_who_did_what_to_what_and_when(db: Database) -> None:
    service_id = uuid7()
    trace = begin_trace()
    event_id = await write(db, service_id=service_id)
    async with db.reading() as tx:
        [event] = await list_events(tx, "notify")
    assert (event.id, event.action, event.service_id) == (event_id, "notify:template:update", service_id)
    assert (event.actor_kind, event.actor, event.source) == ("operator", OPERATOR.id, "10.0.0.12")
    assert (event.before, event.after, event.trace) == ({"version": 1}, {"version": 2}, trace[3:35])


async def test_an_event_of_a_change_rolled_back_is_not_there(db: Database) -> None:
    async def change_that_fails() -> None:
        async with db.transaction() as tx:
            await record(tx, "notify", action=Action.KEY_ISSUE, who=OPERATOR, subject_id="key-1")
            raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        await change_that_fails()
    async with db.reading() as tx:
        assert await list_events(tx, "notify") == []


@pytest.mark.parametrize(
    "sql",
    ["update notify.audit_events set actor = 'x'", "delete from notify.audit_events", "truncate notify.audit_events"],
)
async def test_an_event_can_be_neither_changed_nor_deleted(db: Database, sql: str) -> None:
    await write(db)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        async with db.transaction() as tx:
            await tx.execute(sql)


async def test_addresses_and_numbers_never_reach_the_log(db: Database) -> None:
    reply_to = ReplyTo(uuid7(), "ann.other@example.gov.uk", True)
    async with db.transaction() as tx:
        await record(
            tx,
            "notify",
            action=Action.NOTIFY_REPLY_TO_ADD,
            who=OPERATOR,
            subject_id=reply_to.id,
            before={"list": ["+447700900123"], "bob@example.org": 1},
            after=reply_to,
            reason="asked for by ann.other@example.gov.uk",
        )
    async with db.reading() as tx:
        stored = await tx.fetchval("select row_to_json(e)::text from notify.audit_events e")
        [event] = await list_events(tx, "notify")
    assert not re.search(r"@|9001|7946", stored)
    assert event.after["id"] == str(reply_to.id)
    assert event.after["address"] == "[email]"
    assert event.after["is_default"] is True


@pytest.mark.parametrize(("actor", "subject"), [("ops@example.org", "key-1"), ("op-1", "ann@example.org")])
async def test_a_subject_or_actor_that_is_an_address_is_refused(db: Database, actor: str, subject: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="identifiers"):
            await record(tx, "notify", action=Action.KEY_REVOKE, who=Actor("operator", actor), subject_id=subject)


async def test_pages_follow_each_other_in_both_orders(db: Database) -> None:
    service_id = uuid7()
    for number in range(5):
        await write(db, service_id=service_id, subject=f"template-{number}")
    await write(db, service_id=uuid7(), subject="another team's")
    for newest_first in (False, True):
        seen: list[str] = []
        position = None
        async with db.reading() as tx:
            while page := await list_events(
                tx, "notify", service_id=service_id, after_position=position, limit=2, newest_first=newest_first
            ):
                seen += [event.subject_id for event in page]
                position = page[-1].position
        assert sorted(seen, reverse=newest_first) == seen
        assert set(seen) == {f"template-{number}" for number in range(5)}


async def test_events_are_found_by_action_and_by_subject(db: Database) -> None:
    await write(db, subject="template-1")
    await write(db, subject="template-2")
    async with db.reading() as tx:
        assert len(await list_events(tx, "notify", action=Action.NOTIFY_TEMPLATE_UPDATE)) == 2
        assert await list_events(tx, "notify", action=Action.KEY_ISSUE) == []
        [event] = await list_events(tx, "notify", subject_id="template-2")
    assert event.subject_id == "template-2"


def test_every_action_is_component_subject_action() -> None:
    values = [action.value for action in Action]
    assert all(re.fullmatch(r"[a-z-]+:[a-z-]+:[a-z-]+", value) for value in values)
    assert len(set(values)) == len(values)
