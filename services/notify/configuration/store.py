"""The SQL of settings, senders, reply-to addresses and guest lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from common.db import Tx, many, maybe, one
from common.tenancy.store import SealedRow
from services.notify.configuration.rules import Channel, Kind, Settings

GUESTS = "notify.guest_list"


_COLUMN = {Kind.REPLY_TO: "address", Kind.SMS_SENDER: "sender"}


class Setup(Struct, frozen=True, kw_only=True):
    """What accepting a message needs to know of its service.

    reply_to, sms_senders: those in use, by id. default_*: None when the service has none.
    allowed: blind indexes of the team's and the guests' addresses and numbers.
    """

    settings: Settings
    reply_to: dict[UUID, str]
    sms_senders: dict[UUID, str]
    default_reply_to: str | None
    default_sms_sender: str | None
    allowed: frozenset[bytes]


# settings ------------------------------------------------------------------

_FIELDS = Settings.__struct_fields__
_SETTINGS = f"""
select {", ".join(_FIELDS)}
from notify.service_settings
where service_id = $1
"""
_BEGIN = """
insert into notify.service_settings (service_id)
values ($1)
on conflict do nothing
"""
_SAVE = f"""
update notify.service_settings
set {", ".join(f"{name} = ${place}" for place, name in enumerate(_FIELDS, 2))}, updated_at = now()
where service_id = $1
"""


def _settings(row: Any) -> Settings:
    values = dict(row)
    return Settings(**{**values, "channels": frozenset(values["channels"])})


async def settings(tx: Tx, service_id: UUID) -> Settings:
    """A service's settings; the defaults for one that never changed any."""
    row = await tx.fetchrow(_SETTINGS, service_id)
    return Settings() if row is None else _settings(row)


async def settings_locked(tx: Tx, service_id: UUID) -> Settings:
    """As settings, and no one else changes them until the transaction ends."""
    await tx.execute(_BEGIN, service_id)
    return _settings(await tx.fetchrow(f"{_SETTINGS} for update", service_id))


async def save_settings(tx: Tx, service_id: UUID, new: Settings) -> None:
    values = [sorted(value) if isinstance(value, frozenset) else value for value in map(new.__getattribute__, _FIELDS)]
    await tx.execute(_SAVE, service_id, *values)


# reply-to addresses and text senders ---------------------------------------


class OriginRow(Struct, frozen=True):
    """A reply-to address or a text's sender (`value`). One of those in use is the default."""

    id: UUID
    service_id: UUID
    value: str
    is_default: bool
    created_at: datetime
    archived_at: datetime | None


def _columns(kind: Kind) -> str:
    return f"id, service_id, {_COLUMN[kind]}, is_default, created_at, archived_at"


_LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
_ORIGINS = {
    kind: f"""
select {_columns(kind)}
from notify.{kind}
where service_id = $1
  and archived_at is null
order by created_at, id
"""
    for kind in Kind
}
_ORIGIN = {
    kind: f"""
select {_columns(kind)}
from notify.{kind}
where service_id = $1
  and id = $2
"""
    for kind in Kind
}
_ADD_ORIGIN = {
    kind: f"""
insert into notify.{kind} ({_columns(kind)})
values ($1, $2, $3, $4, $5, null)
returning {_columns(kind)}
"""
    for kind in Kind
}
_CHANGE_ORIGIN = {
    kind: f"""
update notify.{kind}
set {_COLUMN[kind]} = $3, is_default = $4
where service_id = $1
  and id = $2
returning {_columns(kind)}
"""
    for kind in Kind
}
_NO_DEFAULT = {
    kind: f"""
update notify.{kind}
set is_default = false
where service_id = $1
  and is_default
  and archived_at is null
"""
    for kind in Kind
}
_ARCHIVE_ORIGIN = {
    kind: f"""
update notify.{kind}
set archived_at = $3, is_default = false
where service_id = $1
  and id = $2
"""
    for kind in Kind
}


async def lock_origins(tx: Tx, kind: Kind, service_id: UUID) -> None:
    """Hold a service's list: two first entries at the same moment must not both become the default."""
    await tx.execute(_LOCK, f"notify.{kind}:{service_id}")


async def origins(tx: Tx, kind: Kind, service_id: UUID) -> list[OriginRow]:
    """Those in use, oldest first."""
    return await many(tx, OriginRow, _ORIGINS[kind], service_id)


async def origin(tx: Tx, kind: Kind, service_id: UUID, origin_id: UUID) -> OriginRow | None:
    """One of them, archived or not."""
    return await maybe(tx, OriginRow, _ORIGIN[kind], service_id, origin_id)


async def add_origin(tx: Tx, kind: Kind, row: OriginRow) -> OriginRow:
    return await one(
        tx, OriginRow, _ADD_ORIGIN[kind], row.id, row.service_id, row.value, row.is_default, row.created_at
    )


async def change_origin(
    tx: Tx, kind: Kind, service_id: UUID, origin_id: UUID, *, value: str, is_default: bool
) -> OriginRow:
    return await one(tx, OriginRow, _CHANGE_ORIGIN[kind], service_id, origin_id, value, is_default)


async def clear_default(tx: Tx, kind: Kind, service_id: UUID) -> None:
    await tx.execute(_NO_DEFAULT[kind], service_id)


async def archive_origin(tx: Tx, kind: Kind, service_id: UUID, origin_id: UUID, at: datetime) -> None:
    await tx.execute(_ARCHIVE_ORIGIN[kind], service_id, origin_id, at)


# guest list ----------------------------------------------------------------


class GuestRow(Struct, frozen=True):
    """Someone whom a team key, or a service in trial, may write to. personal: the address as written, sealed."""

    id: UUID
    service_id: UUID
    channel: Channel
    recipient_index: bytes
    personal: bytes


_GUESTS = """
select id, service_id, channel, recipient_index, personal
from notify.guest_list
where service_id = $1
order by id
"""
_CLEAR_GUESTS = "delete from notify.guest_list where service_id = $1"
_ADD_GUEST = """
insert into notify.guest_list (id, service_id, channel, recipient_index, personal)
values ($1, $2, $3, $4, $5)
"""
_SEALED_GUESTS = """
select id, service_id, personal, recipient_index
from notify.guest_list
where id > $1
order by id
limit $2
"""
_RESEAL_GUEST = """
update notify.guest_list
set personal = $3, recipient_index = $4
where id = $1
  and personal = $2
"""


async def guests(tx: Tx, service_id: UUID) -> list[GuestRow]:
    return await many(tx, GuestRow, _GUESTS, service_id)


async def lock_guests(tx: Tx, service_id: UUID) -> None:
    """Hold a service's guest list until the transaction ends."""
    await tx.execute(_LOCK, f"{GUESTS}:{service_id}")


async def replace_guests(tx: Tx, service_id: UUID, rows: Sequence[GuestRow]) -> None:
    await tx.execute(_CLEAR_GUESTS, service_id)
    await tx.executemany(_ADD_GUEST, [(r.id, r.service_id, r.channel, r.recipient_index, r.personal) for r in rows])


async def sealed_guests(tx: Tx, after: UUID, limit: int) -> list[SealedRow]:
    """Every service's guests by id, for key rotation."""
    rows = await tx.fetch(_SEALED_GUESTS, after, limit)
    return [SealedRow(row[0], row[1], row[2], (row[3],)) for row in rows]


async def reseal_guests(tx: Tx, pairs: Sequence[tuple[SealedRow, SealedRow]]) -> None:
    """(as read, as it shall be)."""
    await tx.executemany(_RESEAL_GUEST, [(old.id, old.blob, new.blob, *new.indexes) for old, new in pairs])


# all of it, for the accept path ---------------------------------------------

_ALLOWED = """
select recipient_index
from notify.guest_list
where service_id = $1
union
select unnest(array[email_index, phone_index])
from platform.members
where service_id = $1
  and removed_at is null
"""


async def setup(tx: Tx, service_id: UUID) -> Setup:
    """A service's settings, where its messages come from, and whom it may write to while in trial."""
    reply_to = await origins(tx, Kind.REPLY_TO, service_id)
    senders = await origins(tx, Kind.SMS_SENDER, service_id)
    allowed = await tx.fetch(_ALLOWED, service_id)
    return Setup(
        settings=await settings(tx, service_id),
        reply_to={row.id: row.value for row in reply_to},
        sms_senders={row.id: row.value for row in senders},
        default_reply_to=next((row.value for row in reply_to if row.is_default), None),
        default_sms_sender=next((row.value for row in senders if row.is_default), None),
        allowed=frozenset(row[0] for row in allowed if row[0] is not None),
    )
