"""`colonnade audit …`"""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import click
import msgspec

from common.audit import AuditEvent, list_events
from common.cli import output
from common.cli.command import Group, pass_session
from common.cli.session import Session
from common.db import Database
from common.db.migrate import components
from common.tenancy import flow

_LOOK_EVERY_S = 1.0
_REREAD = 1_000  # positions are drawn before the commit: an event may appear behind ones already shown

group = Group("audit", help="Who did what.")


class SchemaEvent(msgspec.Struct, frozen=True):
    """An event with the schema whose log it stands in."""

    schema: str
    event: AuditEvent


def _show(session: Session, found: SchemaEvent) -> None:
    event = found.event
    if session.is_json:
        click.echo(output.as_json({"schema": found.schema, **output.facts_of(event)}))
        return
    words = [event.at.strftime("%Y-%m-%d %H:%M:%SZ"), event.action, f"{event.actor_kind} {event.actor}"]
    words.append(f"from {event.source}" if event.source else "from -")
    words.append(event.subject_id)
    if event.service_id is not None and str(event.service_id) != event.subject_id:
        words.append(f"service {event.service_id}")
    for name in ("before", "after", "reason"):
        if (value := getattr(event, name)) is not None:
            words.append(f"{name} {value if isinstance(value, str) else output.as_json(value)}")
    click.echo("  ".join(words))


async def _newest(database: Database, schemas: list[str], service_id: UUID | None, limit: int) -> list[SchemaEvent]:
    """The newest `limit` of each schema, in order of time."""
    found: list[SchemaEvent] = []
    async with database.reading() as tx:
        for schema in schemas:
            events = await list_events(tx, schema, service_id=service_id, limit=limit, newest_first=True)
            found += [SchemaEvent(schema, event) for event in events]
    return sorted(found, key=lambda one: (one.event.at, one.event.id))


async def _follow(
    session: Session, database: Database, schemas: list[str], service_id: UUID | None, shown: list[SchemaEvent]
) -> None:
    """Show what is new each second, until interrupted."""
    while True:
        # what leaves the newest ones never comes back, so the last reading is all that need be remembered
        seen = {one.event.id for one in shown}
        await asyncio.sleep(_LOOK_EVERY_S)
        shown = await _newest(database, schemas, service_id, _REREAD)
        for found in shown:
            if found.event.id not in seen:
                _show(session, found)


@group.command("tail")
@click.option("--schema", type=click.Choice([c.schema for c in components()]), help="Only this component's log.")
@click.option("--service", help="Only events of this service (id or name).")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many to begin with.")
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@pass_session
def tail(session: Session, schema: str | None, service: str | None, limit: int, follow: bool) -> None:
    """Show the newest events, oldest first. With --json one object a line."""
    schemas = [schema] if schema else [c.schema for c in components()]

    async def work(database: Database) -> None:
        service_id = None
        if service is not None:
            async with database.reading() as tx:
                service_id = (await flow.find_service(tx, service)).id
        found = await _newest(database, schemas, service_id, max(limit, _REREAD if follow else 0))
        for one in found[-limit:]:
            _show(session, one)
        if follow:
            await _follow(session, database, schemas, service_id, found)

    # an interruption is how following ends
    with contextlib.suppress(*([KeyboardInterrupt] if follow else [])):
        session.run(work)
