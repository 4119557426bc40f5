"""Notify's sealed tables, for `colonnade ring reseal`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from common.crypto import Crypto
from common.db import Tx
from common.tenancy.resealing import Sealed
from common.tenancy.store import SealedRow
from services.notify.cli import store
from services.notify.configuration import store as configuration
from services.notify.configuration.store import GUESTS, GuestRow
from services.notify.messages.store import TABLE as MESSAGES
from services.notify.messages.store import Personal
from services.notify.recipients.email import normalise_email
from services.notify.recipients.errors import InvalidEmail
from services.notify.recipients.normal import normalise

_read_personal = msgspec.msgpack.Decoder(Personal).decode


def _message_indexes(crypto: Crypto, row: SealedRow, plain: bytes) -> tuple[bytes | None, ...]:
    return (crypto.index(row.service_id, _read_personal(plain).recipient),)


async def _read_guests(tx: Tx, after: UUID, limit: int) -> list[SealedRow]:
    # at most ten a service: read whole, as configuration offers it
    rows = sorted((row for row in await configuration.all_guests(tx) if row.id > after), key=lambda row: row.id)
    return [SealedRow(row.id, row.service_id, row.personal, (row.recipient_index,)) for row in rows[:limit]]


def _guest_indexes(crypto: Crypto, row: SealedRow, plain: bytes) -> tuple[bytes | None, ...]:
    text = plain.decode()
    try:
        normalised = normalise_email(text)
    except InvalidEmail:
        normalised = normalise("sms", text)
    return (crypto.index(row.service_id, normalised),)


async def _write_guests(tx: Tx, pairs: Sequence[tuple[SealedRow, SealedRow]]) -> None:
    rows = []
    for _, new in pairs:
        index = new.indexes[0]
        assert index is not None
        # the channel is not written: a guest never changes it
        rows.append(GuestRow(new.id, new.service_id, "email", index, new.blob))
    await configuration.reseal_guests(tx, rows)


SEALED = (
    Sealed(GUESTS, _read_guests, _guest_indexes, _write_guests),
    Sealed(MESSAGES, store.sealed_messages, _message_indexes, store.reseal_messages),
)
