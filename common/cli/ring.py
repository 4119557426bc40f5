"""`colonnade ring …`: the keys that everything sealed stands under."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from common.audit import Action, record
from common.cli.command import Group, pass_session
from common.cli.plugins import sealed_tables
from common.cli.session import Session
from common.crypto import PARTS, Crypto, Part, new_ring, promoted, with_new_key
from common.db import Database
from common.errors import BadRequest, Conflict
from common.tenancy import store
from common.tenancy.resealing import Resealed, check_ring, reseal

group = Group(
    "ring",
    help=("The key ring. To change keys: `rotate`, restart every program, `promote`, restart every program, `reseal`."),
)


class RingFileUnusable(BadRequest):
    """The file does not hold a key ring that can be read and replaced."""

    status, kind, title = 400, "ring-file-unusable", "Not a usable key ring"


class KeyWaits(Conflict):
    """A key of the ring only reads as yet; it must be promoted before anything else is done with the ring."""

    status, kind, title = 409, "key-waits", "A key waits for its promotion"


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


def _waits(waiting: Mapping[Part, int], what: str) -> KeyWaits:
    keys = " and ".join(f"{part} key {number}" for part, number in waiting.items())
    return KeyWaits(
        f"{keys} only reads as yet: {what} after `colonnade ring promote`, once every program has this ring."
    )


def _read(path: Path) -> tuple[str, Crypto]:
    """The ring as text, and as the programs take it. Raises RingFileUnusable."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        return text, Crypto(text)
    except OSError as error:
        raise RingFileUnusable(f"{path}: {error.strerror}") from None
    except ValueError:
        raise RingFileUnusable(f"{path} does not hold a key ring as `colonnade ring new` prints it.") from None


def _write(path: Path, ring: str) -> None:
    try:
        _replace(path.resolve(), ring)
    except OSError as error:
        raise RingFileUnusable(f"{path}: {error.strerror}") from None


_file = click.option(
    "--file", "path", type=click.Path(path_type=Path), required=True, help="The ring's file (KEYS_FILE)."
)


@group.command("rotate")
@_file
@click.option("--part", type=click.Choice(PARTS), default="encryption", show_default=True)
@pass_session
def rotate(session: Session, path: Path, part: Part) -> None:
    """Add a key that only reads to the ring in the file; what is new stays under the current one.

    Then give the file to every program, restart them all, and only then run `colonnade ring promote`: a program that
    has not got the key cannot open what another has sealed with it.
    """
    text, ring = _read(path)
    if part in ring.waiting:
        raise _waits({part: ring.waiting[part]}, "rotate again")
    text = with_new_key(text, part=part)
    _write(path, text)
    session.show({"file": str(path), "part": part, "newest": Crypto(text).waiting[part]})
    if not session.is_json:
        click.echo("Restart every program with this ring, then run `colonnade ring promote`.", err=True)


@group.command("promote")
@_file
@click.option("--part", type=click.Choice(PARTS), help="Only this part's key (else all that wait).")
@pass_session
def promote(session: Session, path: Path, part: Part | None) -> None:
    """Make the newest key the one that seals what is new. First restart every program with the ring of `rotate`.

    Then give the file to every program, restart them all once more, and run `colonnade ring reseal`.
    """
    text, before = _read(path)
    changed = [name for name in before.waiting if part in (None, name)]
    text = promoted(text, parts=changed)
    if changed:
        _write(path, text)
    after = Crypto(text)
    current = {"encryption": after.current, "index": after.current_index}
    session.show({"file": str(path), "promoted": changed, "current": current})
    if changed and not session.is_json:
        click.echo("Restart every program with this ring, then run `colonnade ring reseal`.", err=True)


def _say(done: Resealed) -> None:
    line = f"{done.table}: {done.rows} read, {done.resealed} resealed"
    click.echo(f"\r{line}" if sys.stderr.isatty() else line, err=True, nl=not sys.stderr.isatty())


async def _reseal_all(database: Database, session: Session) -> list[Resealed]:
    crypto = session.crypto
    if crypto.waiting:
        raise _waits(crypto.waiting, "reseal")
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
    """Move all that is sealed to the current keys, after `promote`. It can be stopped, and run again, at any time."""
    outcomes = session.run(lambda database: _reseal_all(database, session))
    session.show_rows("tables", outcomes, ("table", "rows", "resealed", "unreadable"))
    if unreadable := sum(outcome.unreadable for outcome in outcomes):
        raise RowsUnreadable(f"{unreadable} rows stand under keys that this ring does not hold.", rows=unreadable)
