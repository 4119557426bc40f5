"""Notify's sealed tables, for `colonnade ring reseal`."""

from __future__ import annotations

import msgspec

from common.crypto import Crypto
from common.tenancy.resealing import Sealed
from common.tenancy.store import SealedRow
from services.notify.cli import store
from services.notify.configuration.flow import SEALED as GUESTS_SEALED
from services.notify.messages.store import TABLE as MESSAGES
from services.notify.messages.store import Personal

_read_personal = msgspec.msgpack.Decoder(Personal).decode


def _message_indexes(crypto: Crypto, row: SealedRow, plain: bytes) -> tuple[bytes | None, ...]:
    return (crypto.index(row.service_id, _read_personal(plain).recipient),)


SEALED = (
    GUESTS_SEALED,
    Sealed(MESSAGES, store.sealed_messages, _message_indexes, store.reseal_messages),
)
