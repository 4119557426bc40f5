"""`colonnade queue …`: the work lists of all components."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import click
import msgspec

from common.cli import store
from common.cli.command import Group, pass_session
from common.cli.plugins import Queue, queues
from common.cli.session import Session
from common.db import Database
from common.errors import NotFound

_BATCH = 1_000

group = Group("queue", help="The work lists: how they stand, what was given up, and trying it again.")

_component = click.option("--component", help="Only this component's.")


def _chosen(component: str | None) -> Mapping[str, Queue]:
    known = queues()
    if component is None:
        return known
    if component not in known:
        raise click.BadParameter(f"one of {', '.join(known) or 'none that is installed'}", param_hint="--component")
    return {component: known[component]}


def _facts(component: str, row: msgspec.Struct) -> dict[str, Any]:
    return {"component": component, **msgspec.structs.asdict(row)}


@group.command("status")
@_component
@pass_session
def status(session: Session, component: str | None) -> None:
    """Show how each lane stands."""
    chosen = _chosen(component)

    async def work(database: Database) -> list[dict[str, Any]]:
        async with database.reading() as tx:
            return [_facts(name, lane) for name, queue in chosen.items() for lane in await queue.work.stats(tx)]

    columns = ("component", "lane", "waiting", "due", "leased", "dead", "oldest_due_age_s")
    session.show_rows("lanes", session.run(work), columns)


@group.command("dead")
@_component
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@click.option("--cursor", type=click.UUID, help="Id of the last one of the page before.")
@pass_session
def dead(session: Session, component: str | None, limit: int, cursor: UUID | None) -> None:
    """Show work that was given up, newest first."""
    chosen = _chosen(component)

    async def work(database: Database) -> list[dict[str, Any]]:
        async with database.reading() as tx:
            return [
                _facts(name, row)
                for name, queue in chosen.items()
                for row in await queue.work.dead(tx, limit=limit, cursor=cursor)
            ]

    columns = ("id", "component", "topic", "lane", "service_id", "attempt", "reason", "died_at")
    session.show_rows("work", session.run(work), columns)


async def _retry_all(database: Database, session: Session, queue: Queue, died_before: datetime) -> int:
    """Batches of their own, so that a million rows are not one transaction.

    What a provider refuses meanwhile dies again, and is not taken again: the command comes to its end.
    """
    total = 0
    cursor: UUID | None = None
    while True:
        async with database.transaction() as tx:
            page = await queue.work.dead(tx, limit=_BATCH, cursor=cursor, died_before=died_before)
            if not page:
                return total
            total += await queue.replay(tx, session.who, [row.id for row in page], len(page))
        cursor = page[-1].id


async def _retry_some(database: Database, session: Session, queue: Queue, ids: tuple[UUID, ...]) -> int:
    async with database.transaction() as tx:
        return await queue.replay(tx, session.who, ids, _BATCH)


@group.command("retry")
@_component
@click.argument("ids", nargs=-1, type=click.UUID)
@click.option("--all", "is_all", is_flag=True, help="Everything that was given up before this command began.")
@pass_session
def retry(session: Session, component: str | None, ids: tuple[UUID, ...], is_all: bool) -> None:
    """Put given-up work back on the list: IDS (see `queue dead`), or --all."""
    if bool(ids) == is_all:
        raise click.UsageError("Name the ids to retry, or say --all.")
    chosen = _chosen(component)

    async def work(database: Database) -> int:
        if ids:
            return sum([await _retry_some(database, session, queue, ids) for queue in chosen.values()])
        async with database.reading() as tx:
            began_at = (await store.server(tx)).clock
        return sum([await _retry_all(database, session, queue, began_at) for queue in chosen.values()])

    count = session.run(work)
    if ids and not count:
        raise NotFound("None of these was given up.")
    session.show({"replayed": count})
