"""The SQL of identity."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from common.db import Tx, many, maybe, one

SCHEMA = "platform"


class OrganisationRow(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    colour: str
    created_at: datetime


class ServiceRow(msgspec.Struct, frozen=True):
    id: UUID
    organisation_id: UUID
    name: str
    status: str
    created_at: datetime


class MemberRow(msgspec.Struct, frozen=True):
    id: UUID
    service_id: UUID
    role: str
    personal: bytes
    created_at: datetime


class KeyRow(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: UUID
    service_id: UUID
    name: str
    type: str
    scopes: list[str]
    networks: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


_ADD_ORGANISATION = """
insert into platform.organisations (id, name, colour)
values ($1, $2, $3)
returning id, name, colour, created_at
"""
_ORGANISATIONS = """
select id, name, colour, created_at
from platform.organisations
where archived_at is null
order by lower(name)
"""
_ORGANISATION = "select id, name, colour, created_at from platform.organisations where id = $1"
_UPDATE_ORGANISATION = """
update platform.organisations
set name = $2, colour = $3
where id = $1
returning id, name, colour, created_at
"""


async def add_organisation(tx: Tx, organisation_id: UUID, name: str, colour: str) -> OrganisationRow:
    return await one(tx, OrganisationRow, _ADD_ORGANISATION, organisation_id, name, colour)


async def organisations(tx: Tx) -> list[OrganisationRow]:
    return await many(tx, OrganisationRow, _ORGANISATIONS)


async def organisation(tx: Tx, organisation_id: UUID) -> OrganisationRow | None:
    return await maybe(tx, OrganisationRow, _ORGANISATION, organisation_id)


async def update_organisation(tx: Tx, organisation_id: UUID, name: str, colour: str) -> OrganisationRow:
    return await one(tx, OrganisationRow, _UPDATE_ORGANISATION, organisation_id, name, colour)


_SERVICE_COLUMNS = "id, organisation_id, name, status, created_at"
_ADD_SERVICE = f"""
insert into platform.services (id, organisation_id, name, status)
values ($1, $2, $3, $4)
returning {_SERVICE_COLUMNS}
"""
_SERVICES = f"""
select {_SERVICE_COLUMNS}
from platform.services
where status <> 'archived'
  and ($1::uuid is null or organisation_id = $1)
order by lower(name)
"""
_SERVICE = f"select {_SERVICE_COLUMNS} from platform.services where id = $1"
_SERVICE_FOR_UPDATE = f"{_SERVICE} for update"
_UPDATE_SERVICE = f"""
update platform.services
set name = $2, status = $3, updated_at = now()
where id = $1
returning {_SERVICE_COLUMNS}
"""


async def add_service(tx: Tx, service_id: UUID, organisation_id: UUID, name: str, status: str) -> ServiceRow:
    return await one(tx, ServiceRow, _ADD_SERVICE, service_id, organisation_id, name, status)


async def services(tx: Tx, organisation_id: UUID | None = None) -> list[ServiceRow]:
    return await many(tx, ServiceRow, _SERVICES, organisation_id)


async def service(tx: Tx, service_id: UUID, *, for_update: bool = False) -> ServiceRow | None:
    return await maybe(tx, ServiceRow, _SERVICE_FOR_UPDATE if for_update else _SERVICE, service_id)


async def update_service(tx: Tx, service_id: UUID, name: str, status: str) -> ServiceRow:
    return await one(tx, ServiceRow, _UPDATE_SERVICE, service_id, name, status)


_MEMBER_COLUMNS = "id, service_id, role, personal, created_at"
_ADD_MEMBER = f"""
insert into platform.members (id, service_id, role, personal, email_index, phone_index)
values ($1, $2, $3, $4, $5, $6)
on conflict (service_id, email_index) where removed_at is null do nothing
returning {_MEMBER_COLUMNS}
"""
_MEMBERS = f"""
select {_MEMBER_COLUMNS}
from platform.members
where service_id = $1
  and removed_at is null
order by created_at, id
"""
_REMOVE_MEMBER = f"""
update platform.members
set removed_at = now(), personal = ''::bytea
where service_id = $1
  and id = $2
  and removed_at is null
returning {_MEMBER_COLUMNS}
"""


async def add_member(
    tx: Tx,
    member_id: UUID,
    service_id: UUID,
    role: str,
    *,
    personal: bytes,
    email_index: bytes,
    phone_index: bytes | None,
) -> MemberRow | None:
    """None if the service already has a member with this e-mail address."""
    return await maybe(tx, MemberRow, _ADD_MEMBER, member_id, service_id, role, personal, email_index, phone_index)


async def members(tx: Tx, service_id: UUID) -> list[MemberRow]:
    return await many(tx, MemberRow, _MEMBERS, service_id)


async def remove_member(tx: Tx, service_id: UUID, member_id: UUID) -> MemberRow | None:
    return await maybe(tx, MemberRow, _REMOVE_MEMBER, service_id, member_id)


_KEY_COLUMNS = "id, service_id, name, type, scopes, networks, created_at, created_by, expires_at, revoked_at"
_ADD_KEY = f"""
insert into platform.api_keys (id, service_id, name, type, scopes, networks, created_by, expires_at, secret)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning {_KEY_COLUMNS}
"""
_KEYS = f"""
select {_KEY_COLUMNS}
from platform.api_keys
where service_id = $1
order by created_at, id
"""
_KEY = f"select {_KEY_COLUMNS} from platform.api_keys where service_id = $1 and id = $2"
_REVOKE_KEY = f"""
update platform.api_keys
set revoked_at = least(coalesce(revoked_at, $3), $3)
where service_id = $1
  and id = $2
returning {_KEY_COLUMNS}
"""


async def add_key(
    tx: Tx,
    key_id: UUID,
    service_id: UUID,
    *,
    name: str,
    type_: str,
    scopes: list[str],
    networks: list[str],
    created_by: str,
    expires_at: datetime | None,
    secret: bytes,
) -> KeyRow:
    return await one(
        tx, KeyRow, _ADD_KEY, key_id, service_id, name, type_, scopes, networks, created_by, expires_at, secret
    )


async def keys(tx: Tx, service_id: UUID) -> list[KeyRow]:
    return await many(tx, KeyRow, _KEYS, service_id)


async def key(tx: Tx, service_id: UUID, key_id: UUID) -> KeyRow | None:
    return await maybe(tx, KeyRow, _KEY, service_id, key_id)


async def revoke_key(tx: Tx, service_id: UUID, key_id: UUID, at: datetime) -> KeyRow | None:
    return await maybe(tx, KeyRow, _REVOKE_KEY, service_id, key_id, at)


_REGISTER_KID = """
insert into platform.token_keys (kid, public_key)
values ($1, $2)
on conflict (kid) do nothing
"""
_ADD_SESSION = """
insert into platform.operator_sessions (id, operator, expires_at)
values ($1, $2, $3)
"""
_END_SESSION = "update platform.operator_sessions set revoked_at = now() where id = $1 and revoked_at is null"


async def add_token_key(tx: Tx, kid: str, public_key: bytes) -> None:
    await tx.execute(_REGISTER_KID, kid, public_key)


async def add_session(tx: Tx, session_id: UUID, operator: str, expires_at: datetime) -> None:
    await tx.execute(_ADD_SESSION, session_id, operator, expires_at)


async def end_session(tx: Tx, session_id: UUID) -> None:
    await tx.execute(_END_SESSION, session_id)


_SEALED = {
    "platform.api_keys": "select id, service_id, secret from platform.api_keys where secret is not null",
    "platform.members": "select id, service_id, personal from platform.members where removed_at is null",
}
_RESEAL = {
    "platform.api_keys": "update platform.api_keys set secret = $2 where id = $1",
    "platform.members": "update platform.members set personal = $2 where id = $1",
}


async def sealed(tx: Tx, table: str) -> list[tuple[UUID, UUID, bytes]]:
    """All sealed fields of a table as (row, service, blob), for re-encryption under a new key."""
    return [tuple(row) for row in await tx.fetch(_SEALED[table])]


async def reseal(tx: Tx, table: str, blobs: list[tuple[UUID, bytes]]) -> None:
    await tx.executemany(_RESEAL[table], blobs)
