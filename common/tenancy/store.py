"""The SQL of identity."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from common.db import Tx, many, maybe, one
from common.errors import Conflict

SCHEMA = "platform"


class NameTaken(Conflict):
    """There is one of this name already."""

    status, kind, title = 409, "name-taken", "The name is taken"


@asynccontextmanager
async def unique(detail: str) -> AsyncIterator[None]:
    """Turn the database's word for a taken name into a refusal: a look before the insert would let two pass at once."""
    try:
        yield
    except asyncpg.UniqueViolationError:
        raise NameTaken(detail) from None


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
_SERVICES_NAMED = f"""
select {_SERVICE_COLUMNS}
from platform.services
where lower(name) = lower($1)
  and status <> 'archived'
limit 2
"""
_ORGANISATIONS_NAMED = """
select id, name, colour, created_at
from platform.organisations
where lower(name) = lower($1)
  and archived_at is null
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


async def services_named(tx: Tx, name: str) -> list[ServiceRow]:
    """At most two: enough to see that a name is not enough."""
    return await many(tx, ServiceRow, _SERVICES_NAMED, name)


async def organisation_named(tx: Tx, name: str) -> OrganisationRow | None:
    return await maybe(tx, OrganisationRow, _ORGANISATIONS_NAMED, name)


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
_MEMBER = f"""
select {_MEMBER_COLUMNS}
from platform.members
where service_id = $1
  and id = $2
  and removed_at is null
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


async def member(tx: Tx, service_id: UUID, member_id: UUID) -> MemberRow | None:
    """One who is not removed."""
    return await maybe(tx, MemberRow, _MEMBER, service_id, member_id)


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
_KEY_FOR_UPDATE = f"""
select {_KEY_COLUMNS}
from platform.api_keys
where service_id = $1
  and id = $2
for update
"""
_REVOKE_KEY = f"""
update platform.api_keys
set revoked_at = $3
where service_id = $1
  and id = $2
returning {_KEY_COLUMNS}
"""
_EXPIRE_KEY = f"""
update platform.api_keys
set expires_at = least(expires_at, $3)
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


async def key_for_update(tx: Tx, service_id: UUID, key_id: UUID) -> KeyRow | None:
    """A key, held until the transaction ends."""
    return await maybe(tx, KeyRow, _KEY_FOR_UPDATE, service_id, key_id)


async def revoke_key(tx: Tx, service_id: UUID, key_id: UUID, at: datetime) -> KeyRow:
    return await one(tx, KeyRow, _REVOKE_KEY, service_id, key_id, at)


async def expire_key(tx: Tx, service_id: UUID, key_id: UUID, at: datetime) -> KeyRow:
    """Let a key end at a moment, or earlier if it was to end earlier."""
    return await one(tx, KeyRow, _EXPIRE_KEY, service_id, key_id, at)


_REGISTER = """
insert into platform.token_keys (kid, public_key)
values ($1, $2)
on conflict (kid) do nothing
returning kid
"""
_TOKEN_KEY_RETIRED = "select retired_at is not null from platform.token_keys where kid = $1"  # noqa: S105
_ADD_SESSION = """
insert into platform.operator_sessions (id, operator, expires_at)
values ($1, $2, $3)
"""
_END_SESSION = """
update platform.operator_sessions
set revoked_at = coalesce(revoked_at, now())
where id = $1
returning operator
"""


async def add_token_key(tx: Tx, kid: str, public_key: bytes) -> bool:
    """True if the key was not known before."""
    return await tx.fetchval(_REGISTER, kid, public_key) is not None


async def is_token_key_retired(tx: Tx, kid: str) -> bool:
    return bool(await tx.fetchval(_TOKEN_KEY_RETIRED, kid))


async def add_session(tx: Tx, session_id: UUID, operator: str, expires_at: datetime) -> None:
    await tx.execute(_ADD_SESSION, session_id, operator, expires_at)


async def end_session(tx: Tx, session_id: UUID) -> str | None:
    """Whose session it was; None if there is no such session."""
    operator: str | None = await tx.fetchval(_END_SESSION, session_id)
    return operator


# what is sealed, for key rotation --------------------------------------------


class SealedRow(msgspec.Struct, frozen=True):
    """A sealed field with the blind indexes beside it. `indexes` in the order of the table's index columns."""

    id: UUID
    service_id: UUID
    blob: bytes
    indexes: tuple[bytes | None, ...] = ()


_SEALED_KEYS = """
select id, service_id, secret
from platform.api_keys
where id > $1
order by id
limit $2
"""
_NEWEST_SEALED = "select id, service_id, secret from platform.api_keys order by id desc limit 1"
_SEALED_MEMBERS = """
select id, service_id, personal, email_index, phone_index
from platform.members
where id > $1
  and removed_at is null
order by id
limit $2
"""
# only where the row still holds what was read: a member removed meanwhile must stay forgotten
_RESEAL_KEY = "update platform.api_keys set secret = $3 where id = $1 and secret = $2"
_RESEAL_MEMBER = """
update platform.members
set personal = $3, email_index = $4, phone_index = $5
where id = $1
  and personal = $2
"""


async def newest_sealed_key(tx: Tx) -> SealedRow | None:
    return await maybe(tx, SealedRow, _NEWEST_SEALED)


async def sealed_keys(tx: Tx, after: UUID, limit: int) -> list[SealedRow]:
    return [SealedRow(row[0], row[1], row[2]) for row in await tx.fetch(_SEALED_KEYS, after, limit)]


async def sealed_members(tx: Tx, after: UUID, limit: int) -> list[SealedRow]:
    return [
        SealedRow(row[0], row[1], row[2], (row[3], row[4])) for row in await tx.fetch(_SEALED_MEMBERS, after, limit)
    ]


async def reseal_keys(tx: Tx, pairs: Sequence[tuple[SealedRow, SealedRow]]) -> None:
    """(as read, as it shall be)."""
    await tx.executemany(_RESEAL_KEY, [(old.id, old.blob, new.blob) for old, new in pairs])


async def reseal_members(tx: Tx, pairs: Sequence[tuple[SealedRow, SealedRow]]) -> None:
    """(as read, as it shall be)."""
    await tx.executemany(_RESEAL_MEMBER, [(old.id, old.blob, new.blob, *new.indexes) for old, new in pairs])
