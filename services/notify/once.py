"""`Idempotency-Key` on the routes that create something and write it themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from common.auth import Mode, Principal, ServiceKey
from common.crypto import Crypto
from common.db import Tx
from common.http.idempotency import Claim, Operation, checked_key, claim

if TYPE_CHECKING:
    # flows import this module, and the command and the worker import flows: they must not load a web framework
    from litestar import Request
    from litestar.datastructures import State


class Once(Struct, frozen=True, kw_only=True):
    """A request that is to be done once: the caller's key and what makes two requests the same."""

    mode: Mode
    key: str
    request_hash: bytes


def once(request: Request[Any, Any, State], who: Principal, raw: bytes, crypto: Crypto) -> Once | None:
    """None when the caller sent no Idempotency-Key. Raises IdempotencyKeyInvalid."""
    key = checked_key(request.headers.get("idempotency-key"))
    if key is None:
        return None
    mode = who.mode if isinstance(who, ServiceKey) else "live"
    return Once(mode=mode, key=key, request_hash=crypto.request_hash(raw))


async def settle(tx: Tx, wanted: Once | None, service_id: UUID, operation: Operation, resource_id: UUID) -> Claim:
    """Whether this request makes the resource, or an earlier one with its key did. Raises IdempotencyKeyReused."""
    if wanted is None:
        return Claim(resource_id, is_new=True)
    return await claim(
        tx,
        "notify",
        service_id=service_id,
        mode=wanted.mode,
        operation=operation,
        key=wanted.key,
        request_hash=wanted.request_hash,
        resource_id=resource_id,
    )
