"""`colonnade ring …`: the keys that everything sealed stands under."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from common.audit import Action, record
from common.cli.command import Group, pass_session
from common.cli.plugins import sealed_tables
from common.cli.session import Session
from common.crypto import Crypto, new_ring, with_new_key
from common.db import Database
from common.errors import BadRequest, Conflict
from common.tenancy import store
from common.tenancy.resealing import Resealed, check_ring, reseal

_PARTS = ("encryption", "index")

group = Group("ring", help="The key ring: make one, add a key, move what is sealed to the newest key.")


class RingFileUnusable(BadRequest):
    """The file does not hold a key ring that can be read and replaced."""

    status, kind, title = 400, "ring-file-unusable", "Not a usable key ring"


class RowsUnreadable(Conflict):
    """Some rows are sealed under keys that the ring no longer holds; they were left as they are."""

    status, kind, title = 409, "rows-unreadable", "Some rows cannot be read"


@group.command("new")
@pass_session
def new(session: Session) -> None:
    """Print a fresh ring, for KEYS_FILE (keep that file 0600, and a copy apart from the backups)."""
    if session.is_json:
        session.show({"keys": new_ring()})
    else:
        click.echo(new_ring())


def _replace(path: Path, text: str) -> None:
    """Write the file whole or not at all, readable by its owner only, on the disk before the old one goes."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _with_key(text: str, part: str) -> str:
    try:
        Crypto(text)
        return with_new_key(text, part=part)
    except (ValueError, msgspec.MsgspecError):
        raise RingFileUnusable("The file does not hold a key ring as `colonnade ring new` prints it.") from None


@group.command("rotate")
@click.option("--file", "path", type=click.Path(path_type=Path), required=True, help="The ring's file (KEYS_FILE).")
@click.option("--part", type=click.Choice(_PARTS), default="encryption", show_default=True)
@pass_session
def rotate(session: Session, path: Path, part: str) -> None:
    """Add a key to the ring in the file; the old ones stay, to read with.

    Then give the file to every program and restart them all, and run `colonnade ring reseal`.
    """
    try:
        ring = _with_key(path.read_text(encoding="utf-8").strip(), part)
        _replace(path.resolve(), ring)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise RingFileUnusable(f"{path}: {reason}") from None
    numbers: dict[str, Any] = msgspec.json.decode(ring)
    session.show({"file": str(path), "part": part, "newest": max(int(number) for number in numbers[part])})
    if not session.is_json:
        click.echo("Restart every program with this ring, then run `colonnade ring reseal`.", err=True)


def _say(done: Resealed) -> None:
    line = f"{done.table}: {done.rows} read, {done.resealed} resealed"
    click.echo(f"\r{line}" if sys.stderr.isatty() else line, err=True, nl=not sys.stderr.isatty())


async def _reseal_all(database: Database, session: Session) -> list[Resealed]:
    crypto = session.crypto
    async with database.transaction() as tx:
        await check_ring(tx, crypto)
    outcomes = []
    for table in sealed_tables():
        outcomes.append(await reseal(database, crypto, table, _say))
        if sys.stderr.isatty():
            click.echo(err=True)
    async with database.transaction() as tx:
        await record(
            tx,
            store.SCHEMA,
            action=Action.RING_ROTATE,
            who=session.who,
            subject_id="ring",
            after={"encryption_key": crypto.current, "tables": outcomes},
        )
    return outcomes


@group.command("reseal")
@pass_session
def reseal_(session: Session) -> None:
    """Move all that is sealed to the newest keys. It can be stopped, and run again, at any time."""
    outcomes = session.run(lambda database: _reseal_all(database, session))
    session.show_rows("tables", outcomes, ("table", "rows", "resealed", "unreadable"))
    if unreadable := sum(outcome.unreadable for outcome in outcomes):
        raise RowsUnreadable(f"{unreadable} rows stand under keys that this ring does not hold.", rows=unreadable)
