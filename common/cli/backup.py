"""`colonnade backup` and `colonnade restore`."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import asyncpg
import click

from common import clock
from common.audit import Action, record
from common.cli import store
from common.cli.command import Command, pass_session
from common.cli.dumping import dump, load, need_dump_programs
from common.cli.session import Session
from common.crypto import Crypto
from common.db import Database, migrate
from common.errors import BadRequest, Conflict, ServiceError
from common.tenancy.resealing import RingDoesNotFit, check_ring
from common.tenancy.store import SCHEMA

_MAGIC = b"PGDMP"
_KEYS_APART = "Keep the key ring (KEYS_FILE) apart from it: without the ring nothing sealed in it can be read."
_LOCK_S = 5


class FileUnusable(BadRequest):
    """The file cannot be written, or is not a backup."""

    status, kind, title = 400, "backup-file-unusable", "Not a usable backup file"


class DatabaseNotEmpty(Conflict):
    """A restore would replace what is there."""

    status, kind, title = 409, "database-not-empty", "The database is not empty"


class DatabaseBusy(Conflict):
    """Programs still work on the database."""

    status, kind, title = 409, "database-busy", "Programs still work on the database"


def _schemas() -> list[str]:
    return [component.schema for component in migrate.components()]


async def _major(database: Database) -> int:
    async with database.reading() as tx:
        return (await store.server(tx)).version // 10_000


# backup ----------------------------------------------------------------------


def _write(session: Session, path: Path, major: int) -> int:
    """Dump into a draft that only its owner may read, then put it in place; gives its size in bytes."""
    programs = need_dump_programs(major)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            dump(programs, session.database_url, _schemas(), draft)
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@pass_session
def backup(session: Session, file: Path, force: bool) -> None:
    """Write all of the suite's data to FILE (mode 0600; not encrypted: what is sealed stays sealed)."""
    path = file.resolve()
    if path.exists() and not force:
        raise FileUnusable(f"{file} exists: choose another name, or say --force.")

    async def work(database: Database) -> int:
        size = await asyncio.to_thread(_write, session, path, await _major(database))
        async with database.transaction() as tx:
            after = {"bytes": size, "schemas": _schemas()}
            await record(tx, SCHEMA, action=Action.BACKUP_TAKE, who=session.who, subject_id="backup", after=after)
        return size

    size = session.run(work)
    session.show({"file": str(path), "bytes": size, "schemas": _schemas()})
    click.echo(_KEYS_APART, err=True)


# restore ---------------------------------------------------------------------


def _check_backup(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from None
    if head != _MAGIC:
        raise FileUnusable(f"{path} is not a file that `colonnade backup` wrote.")


async def _set_aside(database: Database, *, force: bool) -> dict[str, str]:
    """Rename our schemas out of the way: new name → name. What they hold is dropped only once the restore stands."""
    suffix = f"_replaced_{clock.now():%Y%m%d%H%M%S}"
    async with database.transaction() as tx:
        present = await store.schemas(tx, _schemas())
        filled = await store.filled_table(tx, present)
        if filled is not None and not force:
            raise DatabaseNotEmpty(
                f"{filled} holds rows: restore into an empty database, or say --force to replace all."
            )
        try:
            await tx.execute(f"set local lock_timeout = '{_LOCK_S}s'")
            for name in present:
                await store.rename_schema(tx, name, name + suffix)
        except asyncpg.LockNotAvailableError:
            raise DatabaseBusy("Stop the programs first: they hold what is to be replaced.") from None
    return {name + suffix: name for name in present}


async def _put_back(database: Database, aside: dict[str, str]) -> None:
    async with database.transaction() as tx:
        for name, original in aside.items():
            await store.drop_schema(tx, original)
            await store.rename_schema(tx, name, original)


def _load(session: Session, path: Path, major: int) -> None:
    programs = need_dump_programs(major)
    with path.open("rb") as file:
        load(programs, session.database_url, file)
    # newer steps than the backup's, and the rights of the programs' roles
    migrate.upgrade(session.database_url)


async def _give_rights(database: Database) -> None:
    connection = await database.connect()
    try:
        await migrate.grant(connection)
    finally:
        await connection.close()


async def _restore(session: Session, database: Database, path: Path, *, force: bool) -> None:
    major = await _major(database)
    need_dump_programs(major)
    aside = await _set_aside(database, force=force)
    try:
        await asyncio.to_thread(_load, session, path, major)
        await _give_rights(database)
    except (ServiceError, asyncpg.PostgresError, OSError):
        await _put_back(database, aside)
        raise
    async with database.transaction() as tx:
        for name in aside:
            await store.drop_schema(tx, name)
        await record(tx, SCHEMA, action=Action.BACKUP_RESTORE, who=session.who, subject_id="backup")


async def _warn_of_ring(database: Database, crypto: Crypto) -> None:
    async with database.reading() as tx:
        try:
            await check_ring(tx, crypto)
        except RingDoesNotFit as error:
            click.echo(f"warning: {error.detail}", err=True)


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace what the database holds.")
@pass_session
def restore(session: Session, file: Path, force: bool) -> None:
    """Read FILE into the database, wholly or not at all. Stop the programs first."""
    path = file.resolve()
    _check_backup(path)

    async def work(database: Database) -> None:
        await _restore(session, database, path, force=force)
        if session.settings.keys is not None:
            await _warn_of_ring(database, session.crypto)

    session.run(work)
    session.show({"file": str(file), "restored": True})
    if session.settings.keys is None:
        click.echo("KEYS is not set: whether the ring of this backup is at hand was not looked at.", err=True)
