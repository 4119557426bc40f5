"""What is done with API keys. Every change is audited in its own transaction."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import get_args
from uuid import UUID, uuid4

import msgspec

from common import clock, ids
from common.audit import Action, Actor, record
from common.auth.directory import SECRET_TABLE
from common.auth.principals import KeyType
from common.auth.scopes import DEFAULT_KEY_SCOPES, unknown
from common.crypto import Crypto
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.tenancy import store
from common.tenancy.flow import checked_name, known_service

_LONGEST_OVERLAP = timedelta(days=90)


class NewKey(msgspec.Struct, frozen=True):
    """A key just issued. `secret` is the whole key string: shown this once, never again."""

    key: store.KeyRow
    secret: str


class KeyEnded(Conflict):
    """The key was revoked or has expired."""

    status, kind, title = 409, "key-ended", "The key is not in use any more"


def _checked_networks(networks: list[str]) -> list[str]:
    faults, checked = [], []
    for text in networks:
        try:
            checked.append(str(ip_network(text, strict=False)))
        except ValueError:
            faults.append({"field": "networks", "message": f"{text!r} is not a network such as 192.0.2.0/24"})
    if faults:
        raise InvalidInput(faults)
    return checked


async def issue_key(
    tx: Tx,
    crypto: Crypto,
    who: Actor,
    service_id: UUID,
    *,
    name: str,
    key_type: KeyType,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
    networks: list[str] | None = None,
) -> NewKey:
    """Issue an API key: `{name}-{service uuid}-{secret uuid}`, given out this once.

    scopes: None for the usual ones. networks: CIDR ranges the key may be used from, empty for anywhere.
    Raises NotFound, InvalidInput.
    """
    service = await known_service(tx, service_id)
    name = checked_name(name)
    wanted = list(scopes) if scopes else list(DEFAULT_KEY_SCOPES)
    if wrong := unknown(wanted):
        raise InvalidInput([{"field": "scopes", "message": f"{scope} is not a scope"} for scope in wrong])
    if key_type not in get_args(KeyType):
        raise InvalidInput([{"field": "type", "message": "must be live, team or test"}])
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidInput([{"field": "expires_at", "message": "must lie in the future"}])
    key_id, secret = ids.uuid7(), str(uuid4())
    row = await store.add_key(
        tx,
        key_id,
        service_id,
        name=name,
        type_=key_type,
        scopes=sorted(set(wanted)),
        networks=_checked_networks(networks or []),
        created_by=who.id,
        expires_at=expires_at,
        secret=crypto.seal(secret.encode(), table=SECRET_TABLE, row=key_id, service=service_id),
    )
    await record(
        tx,
        store.SCHEMA,
        action=Action.KEY_ISSUE,
        who=who,
        subject_id=str(key_id),
        service_id=service_id,
        organisation_id=service.organisation_id,
        after={"name": name, "type": key_type, "scopes": row.scopes, "networks": row.networks},
    )
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "key"
    return NewKey(key=row, secret=f"{slug}-{service_id}-{secret}")


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
