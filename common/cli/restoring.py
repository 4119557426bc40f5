"""Putting a backup in the place of what is there.

What stands there is set aside under other schema names and dropped only once the backup is in. If that fails or is
interrupted it is put back; after `kill -9` it still lies aside, which `restore` and `doctor` say.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import asyncpg

from common import clock
from common.audit import Action, record
from common.cli import store
from common.cli.dumping import APPLICATION, load, need_dump_programs
from common.cli.session import Session
from common.db import Database, migrate
from common.errors import Conflict
from common.tenancy.store import SCHEMA

T = TypeVar("T")

_OURSELVES = "colonnade-restore"
_LOCK = 0x636F6C71  # one restoring process a database
_LOCK_S = 5


class DatabaseNotEmpty(Conflict):
    """A restore would replace what is there."""

    status, kind, title = 409, "database-not-empty", "The database is not empty"


class DatabaseBusy(Conflict):
    """Programs still work on the database."""

    status, kind, title = 409, "database-busy", "Programs still work on the database"


class RestoreCutOff(Conflict):
    """An earlier restore did not come to its end; what it replaced still lies aside."""

    status, kind, title = 409, "restore-cut-off", "A restore was cut off"


class NothingAside(Conflict):
    """No restore was cut off, or it replaced nothing that could be kept or put back."""

    status, kind, title = 409, "nothing-aside", "No restore was cut off"


class Site(NamedTuple):
    """Where a restore works, under its lock."""

    session: Session
    database: Database


def schemas() -> list[str]:
    """The schemas of all components."""
    return [component.schema for component in migrate.components()]


# alone -----------------------------------------------------------------------


def _is_program(found: store.Connected) -> bool:
    names = ("colonnade", "console", "seed", *(f"{schema}-" for schema in schemas()))
    # behind PgBouncer programs have no name, and where roles could not be made they have ours
    is_nameless = found.is_own_role and not found.application
    return is_nameless or found.role in migrate.roles() or found.application.startswith(names)


async def _refuse_if_busy(database: Database) -> None:
    async with database.reading() as tx:
        connected = await store.connected(tx)
    names = {
        one.application or f"role {one.role}"
        for one in connected
        if one.application not in (_OURSELVES, APPLICATION) and _is_program(one)
    }
    if names:
        raise DatabaseBusy(
            f"Stop the programs first, what they accept now would be lost: {', '.join(sorted(names))} "
            "(or say --while-running)."
        )


@asynccontextmanager
async def _alone(database: Database, *, while_running: bool) -> AsyncIterator[None]:
    """Hold the lock of restores; raises DatabaseBusy if another holds it, or programs are connected."""
    guard = await database.connect()
    try:
        if not await guard.fetchval("select pg_try_advisory_lock($1)", _LOCK):
            raise DatabaseBusy("Another restore works on this database.")
        if not while_running:
            await _refuse_if_busy(database)
        yield
    finally:
        await guard.close()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Take Ctrl-C and a polite kill as a wish to stop, each time: they must not end us while we put things back."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    is_main = threading.current_thread() is threading.main_thread()
    for number in numbers if is_main else ():
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers if is_main else ():
            loop.remove_signal_handler(number)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for something to be over, however often we are told to stop: half of it would be worse."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


def run(session: Session, work: Callable[[Site], Awaitable[T]], *, while_running: bool) -> T:
    """Do something under the lock of restores. Raises KeyboardInterrupt if it was told to stop."""
    # directly, as migrations: the lock is one of a session, which PgBouncer would share out
    database = Database(session.database_url, pool_size=2, application=_OURSELVES)

    async def opened() -> T:
        with _stopped_by_signals():
            async with database, _alone(database, while_running=while_running):
                return await work(Site(session, database))

    try:
        return asyncio.run(opened())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


# steps -----------------------------------------------------------------------


async def _refuse_over_something(database: Database, *, force: bool) -> None:
    async with database.reading() as tx:
        if names := await store.aside(tx, schemas()):
            raise RestoreCutOff(
                f"What an earlier restore replaced still lies aside ({', '.join(names)}): have it again with "
                "`colonnade restore --put-back`, or keep what was restored with `colonnade restore --drop-replaced`."
            )
        filled = await store.filled_table(tx, await store.schemas(tx, schemas()))
    if filled is not None and not force:
        raise DatabaseNotEmpty(f"{filled} holds rows: restore into an empty database, or say --force to replace all.")


async def _set_aside(database: Database) -> None:
    """Rename our schemas out of the way. What they hold is dropped only once the restore stands."""
    suffix = f"{store.ASIDE}{clock.now():%Y%m%d%H%M%S}"
    async with database.transaction() as tx:
        # also where nothing stood before something is to lie aside, so that a restore that was cut off is seen
        await store.make_schema(tx, SCHEMA)
        try:
            await tx.execute(f"set local lock_timeout = '{_LOCK_S}s'")
            for name in await store.schemas(tx, schemas()):
                await store.rename_schema(tx, name, name + suffix)
        except asyncpg.LockNotAvailableError:
            raise DatabaseBusy("Stop the programs first: they hold what is to be replaced.") from None


async def _put_back(database: Database) -> list[str]:
    async with database.transaction() as tx:
        # a pg_restore whose caller was killed may still be at work
        await store.end_sessions(tx, APPLICATION)
        names = await store.aside(tx, schemas())
        if len(set(names.values())) < len(names):
            raise RestoreCutOff(f"Several restores were cut off: drop all but one by hand: {', '.join(names)}.")
        if names:
            for schema in schemas():
                await store.drop_schema(tx, schema)
        for name, original in names.items():
            await store.rename_schema(tx, name, original)
    return list(names.values())


async def _complete(site: Site) -> list[str]:
    """Bring what was loaded to the newest step, give rights, and drop what was set aside."""
    # newer steps than the backup's
    await asyncio.to_thread(migrate.upgrade, site.session.database_url)
    connection = await site.database.connect()
    try:
        await migrate.grant(connection)
    finally:
        await connection.close()
    async with site.database.transaction() as tx:
        names = list(await store.aside(tx, schemas()))
        for name in names:
            await store.drop_schema(tx, name)
        await record(tx, SCHEMA, action=Action.BACKUP_RESTORE, who=site.session.who, subject_id="backup")
    return names


# what is asked for -----------------------------------------------------------


async def restore(site: Site, path: Path, *, force: bool) -> None:
    """Read a backup into the database; whatever goes wrong or stops us, what stood before is put back.

    Raises DatabaseNotEmpty, DatabaseBusy, RestoreCutOff, DumpFailed, NoDumpProgram.
    """
    programs = need_dump_programs(await store.major(site.database))
    await _refuse_over_something(site.database, force=force)
    try:
        await _set_aside(site.database)
        with path.open("rb") as file:
            await load(programs, site.session.database_url, file)
        await _to_its_end(_complete(site))
    except BaseException:
        await _to_its_end(_put_back(site.database))
        raise


async def put_back(site: Site) -> list[str]:
    """After a restore that was cut off: have again what stood before it. Raises NothingAside."""
    names = await _to_its_end(_put_back(site.database))
    if not names:
        raise NothingAside("No restore was cut off: nothing lies aside.")
    return names


async def keep_restored(site: Site) -> list[str]:
    """After a restore that was cut off: complete it and drop what it replaced. Raises NothingAside, RestoreCutOff."""
    async with site.database.reading() as tx:
        if not await store.aside(tx, schemas()):
            raise NothingAside("No restore was cut off: nothing lies aside.")
        if (await migrate.versions(tx))[SCHEMA] is None:
            raise RestoreCutOff("The backup is not in: `colonnade restore --put-back`, then restore again.")
    return await _to_its_end(_complete(site))
