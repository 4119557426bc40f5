"""Idempotency-Key: the same key and body give the first answer again, another body is refused.

The rows stand in the service's own schema and commit with what they protect, so a request that fails burns no key. A
replay is rendered again from the resource, so only its id is kept.
"""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from typing import NamedTuple, NewType
from uuid import UUID

from common import clock
from common.db import Tx
from common.errors import BadRequest, IdempotencyKeyReused, Unavailable

KEPT = timedelta(hours=24)

Operation = NewType("Operation", str)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_OPERATION = re.compile(r"[a-z]+(-[a-z]+)*(:[a-z]+(-[a-z]+)*)+")
_SCHEMA = re.compile(r"[a-z_]+")
_ATTEMPTS = 3


class IdempotencyKeyInvalid(BadRequest):
    """The Idempotency-Key is empty, longer than 255 characters, or holds more than visible ASCII."""

    status, kind, title = 400, "idempotency-key-invalid", "Idempotency-Key is not usable"


class Claim(NamedTuple):
    """What a key stands for: this request's resource (is_new), or the one that an earlier request made."""

    resource_id: UUID
    is_new: bool


def operation(name: str) -> Operation:
    """Name what a key is used for, `noun:verb` such as `templates:create`: keys of two operations never meet."""
    if not _OPERATION.fullmatch(name):
        raise ValueError(f"an operation is named noun:verb, not {name!r}")
    return Operation(name)


def checked_key(sent: str | None) -> str | None:
    """The caller's key, None if it sent none. Raises IdempotencyKeyInvalid: 1 to 255 visible ASCII characters."""
    if sent is None:
        return None
    if not _KEY.fullmatch(sent):
        raise IdempotencyKeyInvalid("Send 1 to 255 visible ASCII characters as the Idempotency-Key.")
    return sent


_CLAIM = """
    insert into {schema}.idempotency (service_id, mode, operation, key, request_hash, resource_id)
    values ($1, $2, $3, $4, $5, $6)
    on conflict do nothing
    returning resource_id
"""
_HOLDER = """
    select request_hash, resource_id
    from {schema}.idempotency
    where service_id = $1 and mode = $2 and operation = $3 and key = $4
"""
_PURGE = """
    with old as (
        select ctid
        from {schema}.idempotency
        where created_at < $1
        order by created_at
        limit $2
        for update skip locked
    )
    delete from {schema}.idempotency where ctid = any (array (select ctid from old))
"""


def _in(schema: str, sql: str) -> str:
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"not the name of a schema: {schema!r}")
    return sql.format(schema=schema)


async def claim(
    tx: Tx,
    schema: str,
    *,
    service_id: UUID,
    mode: str,
    operation: Operation,
    key: str,
    request_hash: bytes,
    resource_id: UUID,
) -> Claim:
    """Take a key for a resource that this transaction makes, or learn which resource it already made.

    A request that meets the first in flight waits on the unique index until that one commits (then replays) or rolls
    back (then takes the key). Raises IdempotencyKeyReused when the first request had another body.
    request_hash: `Crypto.request_hash` over what makes two requests the same.
    """
    named = (service_id, mode, operation, key)
    for _ in range(_ATTEMPTS):
        if await tx.fetchval(_in(schema, _CLAIM), *named, request_hash, resource_id) is not None:
            return Claim(resource_id, is_new=True)
        holder = await tx.fetchrow(_in(schema, _HOLDER), *named)
        if holder is not None:
            if not hmac.compare_digest(holder["request_hash"], request_hash):
                raise IdempotencyKeyReused("This Idempotency-Key came before with another body.")
            return Claim(holder["resource_id"], is_new=False)
        # between the two statements the purge took the row: the key is free again
    raise Unavailable("The Idempotency-Key cannot be settled now.", headers={"Retry-After": "1"})


async def purge(tx: Tx, schema: str, older_than: timedelta = KEPT, batch: int = 5_000) -> int:
    """Forget keys after their 24 hours, at most `batch` of them; gives how many it found."""
    status: str = await tx.execute(_in(schema, _PURGE), clock.now() - older_than, batch)
    return int(status.rsplit(" ", 1)[1])
