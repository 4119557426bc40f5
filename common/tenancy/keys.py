"""What is done with API keys once they are issued. Every change is audited in its own transaction."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec

from common import clock
from common.audit import Action, Actor, record
from common.auth.principals import KeyType
from common.crypto import Crypto
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.tenancy import store
from common.tenancy.flow import NewKey, issue_key

_LONGEST_OVERLAP = timedelta(days=90)


class KeyEnded(Conflict):
    """The key was revoked or has expired."""

    status, kind, title = 409, "key-ended", "The key is not in use any more"


async def _held_key(tx: Tx, service_id: UUID, key_id: UUID) -> store.KeyRow:
    row = await store.key_for_update(tx, service_id, key_id)
    if row is None:
        raise NotFound("The service has no such key.")
    return row


async def list_keys(tx: Tx, service_id: UUID) -> list[store.KeyRow]:
    """A service's keys, oldest first, also those that ended."""
    return await store.keys(tx, service_id)


async def revoke_key(tx: Tx, who: Actor, service_id: UUID, key_id: UUID) -> store.KeyRow:
    """Revoke a key now: refused everywhere within 2 s; once more does nothing. Raises NotFound."""
    before = await _held_key(tx, service_id, key_id)
    if before.revoked_at is not None:
        return before
    row = await store.revoke_key(tx, service_id, key_id, clock.now())
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_REVOKE,
        who=who,
        subject_id=str(key_id),
        service_id=service_id,
        before={"name": row.name, "type": row.type},
    )
    return row


async def rotate_key(
    tx: Tx, crypto: Crypto, who: Actor, service_id: UUID, key_id: UUID, *, overlap: timedelta
) -> NewKey:
    """Issue a key like an old one, which expires once the overlap is over (0: is revoked now).

    A key that was to live for some days gives one that lives as many. Raises NotFound, KeyEnded, InvalidInput.
    """
    if not timedelta(0) <= overlap <= _LONGEST_OVERLAP:
        raise InvalidInput([{"field": "overlap", "message": f"must be 0 to {_LONGEST_OVERLAP.days} days"}])
    old = await _held_key(tx, service_id, key_id)
    now = clock.now()
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise KeyEnded("A key that was revoked or has expired cannot be rotated: issue a new one.")
    issued = await issue_key(
        tx,
        crypto,
        who,
        service_id,
        name=old.name,
        key_type=msgspec.convert(old.type, KeyType),
        scopes=old.scopes,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
        networks=old.networks,
    )
    if overlap:
        old = await store.expire_key(tx, service_id, key_id, now + overlap)
    else:
        old = await store.revoke_key(tx, service_id, key_id, now)
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_ROTATE,
        who=who,
        subject_id=str(key_id),
        service_id=service_id,
        after={"new_key": issued.key.id, "old_expires_at": old.expires_at, "old_revoked_at": old.revoked_at},
    )
    return issued
