"""Moving what is sealed to the current keys of the ring, batch by batch; it can be stopped and begun again at any time.

Every component names its sealed tables here as `Sealed`; a row that stands under the current keys is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from common.auth.directory import SECRET_TABLE
from common.crypto import Crypto, UnreadableBlob
from common.db import Database, Tx
from common.errors import Conflict
from common.tenancy import store
from common.tenancy.contacts import Contact
from common.tenancy.flow import MEMBER_TABLE
from common.tenancy.store import SealedRow

_BATCH = 500
_FIRST = UUID(int=0)

Pair = tuple[SealedRow, SealedRow]


class RingDoesNotFit(Conflict):
    """The key ring does not open what is in this database."""

    status, kind, title = 409, "ring-does-not-fit", "The key ring belongs to another database"


class Sealed(NamedTuple):
    """A table with a sealed field.

    read: up to `limit` rows with ids after one, in order. indexes: the blind indexes that belong to a row's plain text,
    in the order of SealedRow.indexes. write: (as read, as it shall be), each only if the row is still as it was read.
    """

    table: str
    read: Callable[[Tx, UUID, int], Awaitable[list[SealedRow]]]
    indexes: Callable[[Crypto, SealedRow, bytes], tuple[bytes | None, ...]]
    write: Callable[[Tx, Sequence[Pair]], Awaitable[None]]


class Resealed(msgspec.Struct):
    """What became of a table's rows. unreadable: those that no key of the ring opens; they stay as they are."""

    table: str
    rows: int = 0
    resealed: int = 0
    unreadable: int = 0


def _no_indexes(_crypto: Crypto, _row: SealedRow, _plain: bytes) -> tuple[bytes | None, ...]:
    return ()


def _member_indexes(crypto: Crypto, row: SealedRow, plain: bytes) -> tuple[bytes | None, ...]:
    contact = msgspec.msgpack.decode(plain, type=Contact)
    phone = None if contact.phone is None else crypto.index(row.service_id, contact.phone)
    return crypto.index(row.service_id, contact.email), phone


PLATFORM = (
    Sealed(SECRET_TABLE, store.sealed_keys, _no_indexes, store.reseal_keys),
    Sealed(MEMBER_TABLE, store.sealed_members, _member_indexes, store.reseal_members),
)


def _renewed(crypto: Crypto, table: Sealed, row: SealedRow) -> SealedRow | None:
    """The row under the current keys; None if it stands under them already. Raises UnreadableBlob."""
    plain = crypto.open(row.blob, table=table.table, row=row.id, service=row.service_id)
    indexes = table.indexes(crypto, row, plain)
    is_current = crypto.key_number(row.blob) == crypto.current
    if is_current and indexes == row.indexes:
        return None
    blob = row.blob if is_current else crypto.seal(plain, table=table.table, row=row.id, service=row.service_id)
    return SealedRow(row.id, row.service_id, blob, indexes)


async def _reseal_batch(tx: Tx, crypto: Crypto, table: Sealed, after: UUID, done: Resealed) -> UUID | None:
    rows = await table.read(tx, after, _BATCH)
    changed: list[Pair] = []
    for row in rows:
        try:
            new = _renewed(crypto, table, row)
        except UnreadableBlob:
            done.unreadable += 1
            continue
        if new is not None:
            changed.append((row, new))
    if changed:
        await table.write(tx, changed)
    done.rows += len(rows)
    done.resealed += len(changed)
    return rows[-1].id if len(rows) == _BATCH else None


async def reseal(
    database: Database, crypto: Crypto, table: Sealed, progress: Callable[[Resealed], None] = lambda _: None
) -> Resealed:
    """Bring a table under the current keys, a transaction a batch. progress: hears after each batch."""
    done, after = Resealed(table.table), _FIRST
    while True:
        async with database.transaction() as tx:
            last = await _reseal_batch(tx, crypto, table, after, done)
        progress(done)
        if last is None:
            return done
        after = last


async def check_ring(tx: Tx, crypto: Crypto) -> bool:
    """See that the ring opens what is there, before something is sealed that the programs then could not open.

    False if nothing is sealed yet. Raises RingDoesNotFit.
    """
    row = await store.newest_sealed_key(tx)
    if row is None:
        return False
    try:
        crypto.open(row.blob, table=SECRET_TABLE, row=row.id, service=row.service_id)
    except UnreadableBlob:
        raise RingDoesNotFit(
            "KEYS does not open the API keys of this database: give the ring they were made with."
        ) from None
    return True
