"""Services and their keys as every program sees them: read from `platform`, at most 1.5 s old."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID

import msgspec
import structlog

from common.auth.principals import KeyType, Organisation, Service
from common.crypto import Crypto, UnreadableBlob
from common.db import Database, many
from common.fresh import FreshCache

log = structlog.get_logger(__name__)

SECRET_TABLE = "platform.api_keys"  # noqa: S105 - what the sealed secret is bound to

# keys revoked longer ago than this are as good as unknown: GOV.UK Notify tells "revoked" from "not found" for a week
_KEYS = """
select k.id, k.name, k.type, k.scopes, k.secret, k.networks, k.expires_at, k.revoked_at
from platform.api_keys k
where k.service_id = $1
  and (k.revoked_at is null or k.revoked_at > now() - interval '7 days')
order by k.revoked_at is not null, k.created_at desc
"""
_SERVICE = """
select s.id, s.name, s.status, o.id, o.name, o.colour,
       exists (select from platform.api_keys k where k.service_id = s.id)
from platform.services s
join platform.organisations o on o.id = s.organisation_id
where s.id = $1
"""
_TOKEN_KEY = "select public_key from platform.token_keys where kid = $1 and retired_at is null"  # noqa: S105
_SESSION = """
select true from platform.operator_sessions
where id = $1 and revoked_at is null and expires_at > now()
"""


class _KeyRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    type: KeyType
    scopes: list[str]
    secret: bytes
    networks: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its secret opened. `signer` is an HMAC-SHA256 state to copy: cheaper than keying it each time."""

    id: UUID
    name: str
    type: KeyType
    scopes: frozenset[str]
    secret: bytes
    signer: Any
    networks: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    revoked_at: datetime | None


class KnownService(msgspec.Struct, frozen=True, kw_only=True):
    """A service with the keys that may call for it. `ever_had_keys` tells 'no keys' from 'none that fits'."""

    service: Service
    keys: tuple[KnownKey, ...]
    ever_had_keys: bool


class Nobody(msgspec.Struct, frozen=True):
    """There is no such service, token key or session (kept in the cache like an answer)."""


NOBODY = Nobody()


class Directory:
    """Identity for one process."""

    def __init__(self, database: Database, crypto: Crypto) -> None:
        self._database = database
        self._crypto = crypto
        self.services: FreshCache[UUID, KnownService | Nobody] = FreshCache(self._service)
        self.token_keys: FreshCache[str, bytes | Nobody] = FreshCache(self._token_key, max_size=100)
        self.sessions: FreshCache[UUID, bool | Nobody] = FreshCache(self._session)

    async def _service(self, service_id: UUID) -> KnownService | Nobody:
        async with self._database.reading() as tx:
            row = await tx.fetchrow(_SERVICE, service_id)
            if row is None:
                return NOBODY
            keys = await many(tx, _KeyRow, _KEYS, service_id)
        organisation = Organisation(id=row[3], name=row[4], colour=row[5])
        return KnownService(
            service=Service(id=row[0], name=row[1], status=row[2], organisation=organisation),
            keys=tuple(known for key in keys if (known := self._known(key, service_id)) is not None),
            ever_had_keys=row[6],
        )

    def _known(self, row: _KeyRow, service_id: UUID) -> KnownKey | None:
        """None for a key whose secret our ring does not open: it must not take the service's other keys with it."""
        try:
            secret = self._crypto.open(row.secret, table=SECRET_TABLE, row=row.id, service=service_id)
        except UnreadableBlob as error:
            log.error("directory.key_unreadable", key_id=str(row.id), reason=str(error))
            return None
        return KnownKey(
            id=row.id,
            name=row.name,
            type=row.type,
            scopes=frozenset(row.scopes),
            secret=secret,
            signer=hmac.new(secret, digestmod=hashlib.sha256),
            networks=tuple(ip_network(text) for text in row.networks),
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    async def _token_key(self, kid: str) -> bytes | Nobody:
        async with self._database.reading() as tx:
            public_key: bytes | None = await tx.fetchval(_TOKEN_KEY, kid)
        return NOBODY if public_key is None else public_key

    async def _session(self, session_id: UUID) -> bool | Nobody:
        async with self._database.reading() as tx:
            return True if await tx.fetchval(_SESSION, session_id) else NOBODY
