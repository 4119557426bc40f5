"""`colonnade backup` and `colonnade restore`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from common.audit import Action, record
from common.cli import restoring, store
from common.cli.command import Command, pass_session
from common.cli.dumping import dump, need_dump_programs
from common.cli.restoring import schemas
from common.cli.session import Session
from common.crypto import Crypto
from common.db import Database
from common.errors import BadRequest
from common.tenancy.resealing import RingDoesNotFit, check_ring
from common.tenancy.store import SCHEMA

_MAGIC = b"PGDMP"
_KEYS_APART = "Keep the key ring (KEYS_FILE) apart from it: without the ring nothing sealed in it can be read."


class FileUnusable(BadRequest):
    """The file cannot be written, or is not a backup."""

    status, kind, title = 400, "backup-file-unusable", "Not a usable backup file"


# backup ----------------------------------------------------------------------


def _create(draft: Path) -> None:
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _put_in_place(draft: Path, path: Path) -> int:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    return path.stat().st_size


async def _write(session: Session, path: Path, major: int) -> int:
    """Dump into a draft that only its owner may read, then put it in place; gives its size in bytes."""
    programs = need_dump_programs(major)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _create(draft)
        await dump(programs, session.database_url, schemas(), draft)
        return _put_in_place(draft, path)
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


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
        size = await _write(session, path, await store.major(database))
        async with database.transaction() as tx:
            after = {"bytes": size, "schemas": schemas()}
            await record(tx, SCHEMA, action=Action.BACKUP_TAKE, who=session.who, subject_id="backup", after=after)
        return size

    size = session.run(work)
    session.show({"file": str(path), "bytes": size, "schemas": schemas()})
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


async def _warn_of_ring(database: Database, crypto: Crypto) -> None:
    async with database.reading() as tx:
        try:
            await check_ring(tx, crypto)
        except RingDoesNotFit as error:
            click.echo(f"warning: {error.detail}", err=True)


def _restore(session: Session, path: Path, *, force: bool, while_running: bool) -> None:
    _check_backup(path)

    async def work(site: restoring.Site) -> None:
        await restoring.restore(site, path, force=force)
        if session.settings.keys is not None:
            await _warn_of_ring(site.database, session.crypto)

    restoring.run(session, work, while_running=while_running)
    session.show({"file": str(path), "restored": True})
    click.echo("Work that was pending in the backup is sent once the workers run: `colonnade queue status`.", err=True)
    if session.settings.keys is None:
        click.echo("KEYS is not set: whether the ring of this backup is at hand was not looked at.", err=True)


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--force", is_flag=True, help="Replace what the database holds.")
@click.option("--while-running", is_flag=True, help="Although programs are connected: what they accept now is lost.")
@click.option("--put-back", is_flag=True, help="After a restore that was cut off: have again what stood before it.")
@click.option("--drop-replaced", is_flag=True, help="After a restore that was cut off: keep what it restored.")
@pass_session
def restore(
    session: Session, file: Path | None, *, force: bool, while_running: bool, put_back: bool, drop_replaced: bool
) -> None:
    """Read FILE into the database, wholly or not at all.

    Stop the programs first: it refuses while they are connected. Messages accepted since the backup are gone
    afterwards; those that were pending in it are sent when the workers start, also if they went out since.
    """
    if (file is not None) + put_back + drop_replaced != 1:
        raise click.UsageError("Give FILE, or --put-back, or --drop-replaced.")
    if file is not None:
        _restore(session, file.resolve(), force=force, while_running=while_running)
        return
    finish = restoring.put_back if put_back else restoring.keep_restored
    names = restoring.run(session, finish, while_running=while_running)
    session.show({"put_back" if put_back else "dropped": names})
