"""What is done with a service's settings, reply-to addresses, text senders and guest list. Every change is audited."""

from __future__ import annotations

from uuid import UUID

import msgspec

from common import clock, ids
from common.audit import Action, Actor, record
from common.crypto import Crypto
from common.db import Tx
from common.errors import Conflict, InvalidInput, NotFound
from common.http.idempotency import operation
from common.tenancy.resealing import Sealed
from common.tenancy.store import SealedRow
from services.notify.configuration import rules, store
from services.notify.configuration.rules import Channel, Kind, SenderFault, Settings, SettingsChange
from services.notify.configuration.store import GUESTS, GuestRow, OriginRow
from services.notify.once import Once, settle
from services.notify.recipients.email import normalise_email
from services.notify.recipients.errors import InvalidEmail, InvalidPhone
from services.notify.recipients.normal import normalise
from services.notify.recipients.spaces import trimmed

SCHEMA = "notify"

_ADDED = {Kind.REPLY_TO: Action.NOTIFY_REPLY_TO_ADD, Kind.SMS_SENDER: Action.NOTIFY_SMS_SENDER_ADD}
_UPDATED = {Kind.REPLY_TO: Action.NOTIFY_REPLY_TO_UPDATE, Kind.SMS_SENDER: Action.NOTIFY_SMS_SENDER_UPDATE}
_ARCHIVED = {Kind.REPLY_TO: Action.NOTIFY_REPLY_TO_ARCHIVE, Kind.SMS_SENDER: Action.NOTIFY_SMS_SENDER_ARCHIVE}
_OPERATIONS = {Kind.REPLY_TO: operation("reply-to-addresses:add"), Kind.SMS_SENDER: operation("sms-senders:add")}
_NOUN = {Kind.REPLY_TO: "reply-to address", Kind.SMS_SENDER: "text sender"}
_FIELD = {Kind.REPLY_TO: "address", Kind.SMS_SENDER: "sender"}


# settings ------------------------------------------------------------------


def _shown(settings: Settings, names: list[str]) -> dict[str, object]:
    values = {name: getattr(settings, name) for name in names}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()}


async def read_settings(tx: Tx, service_id: UUID) -> Settings:
    """A service's settings; the defaults for one that never changed any."""
    return await store.settings(tx, service_id)


async def update_settings(tx: Tx, who: Actor, service_id: UUID, change: SettingsChange) -> Settings:
    """Change what the change names. Whether the caller may set limits is settled before (`rules.OPERATORS`)."""
    before = await store.settings_locked(tx, service_id)
    after = msgspec.structs.replace(before, **change.given)
    names = [name for name in change.given if getattr(before, name) != getattr(after, name)]
    if not names:
        return before
    await store.save_settings(tx, service_id, after)
    await record(
        tx,
        SCHEMA,
        action=Action.NOTIFY_SETTINGS_UPDATE,
        who=who,
        subject_id=service_id,
        service_id=service_id,
        before=_shown(before, names),
        after=_shown(after, names),
    )
    return after


# reply-to addresses and text senders ---------------------------------------


class OriginTaken(Conflict):
    """The service has this reply-to address or text sender already."""

    status, kind, title = 409, "already-present", "The service has it already"


class DefaultNeeded(Conflict):
    """One of a service's reply-to addresses, and one of its text senders, must be the default."""

    status, kind, title = 409, "default-needed", "Another must be made the default first"


def _clean(kind: Kind, value: str) -> str:
    """The value as it is kept. Raises InvalidInput."""
    try:
        if kind is Kind.SMS_SENDER:
            return rules.clean_sms_sender(value)
        normalise_email(value)
        return trimmed(value)
    except (InvalidEmail, SenderFault) as fault:
        raise InvalidInput([{"field": _FIELD[kind], "message": str(fault)}]) from None


def _check_new(kind: Kind, value: str, others: list[OriginRow]) -> None:
    if any(other.value.lower() == value.lower() for other in others):
        raise OriginTaken(f"The service has this {_NOUN[kind]} already.")


async def list_origins(tx: Tx, kind: Kind, service_id: UUID) -> list[OriginRow]:
    """Those in use, oldest first."""
    return await store.origins(tx, kind, service_id)


async def add_origin(
    tx: Tx,
    who: Actor,
    kind: Kind,
    service_id: UUID,
    value: str,
    *,
    is_default: bool = False,
    wanted: Once | None = None,
) -> OriginRow:
    """Add a reply-to address or a text sender; the first is the default whatever is asked.

    wanted: the caller's Idempotency-Key. Raises InvalidInput, OriginTaken, IdempotencyKeyReused.
    """
    value = _clean(kind, value)
    claimed = await settle(tx, wanted, service_id, _OPERATIONS[kind], ids.uuid7())
    if not claimed.is_new:
        return await _found(tx, kind, service_id, claimed.resource_id)
    await store.lock_origins(tx, kind, service_id)
    others = await store.origins(tx, kind, service_id)
    _check_new(kind, value, others)
    is_default = is_default or not others
    if is_default:
        await store.clear_default(tx, kind, service_id)
    row = await store.add_origin(
        tx, kind, OriginRow(claimed.resource_id, service_id, value, is_default, clock.now(), None)
    )
    after = {"is_default": is_default}
    await record(tx, SCHEMA, action=_ADDED[kind], who=who, subject_id=row.id, service_id=service_id, after=after)
    return row


async def _found(tx: Tx, kind: Kind, service_id: UUID, origin_id: UUID) -> OriginRow:
    row = await store.origin(tx, kind, service_id, origin_id)
    if row is None:
        raise NotFound(f"The service has no such {_NOUN[kind]}.")
    return row


async def update_origin(
    tx: Tx,
    who: Actor,
    kind: Kind,
    service_id: UUID,
    origin_id: UUID,
    *,
    value: str | None = None,
    is_default: bool | None = None,
) -> OriginRow:
    """Change one, or make it the default in place of the present one. None: leave as it is.

    Raises NotFound (also when archived), InvalidInput, OriginTaken, DefaultNeeded.
    """
    cleaned = None if value is None else _clean(kind, value)
    await store.lock_origins(tx, kind, service_id)
    before = await _found(tx, kind, service_id, origin_id)
    if before.archived_at is not None:
        raise NotFound(f"The service has no such {_NOUN[kind]}.")
    if before.is_default and is_default is False:
        raise DefaultNeeded(f"Make another {_NOUN[kind]} the default; this one then no longer is.")
    value = before.value if cleaned is None else cleaned
    is_default = before.is_default or bool(is_default)
    if (value, is_default) == (before.value, before.is_default):
        return before
    _check_new(kind, value, [row for row in await store.origins(tx, kind, service_id) if row.id != origin_id])
    if is_default:
        await store.clear_default(tx, kind, service_id)
    row = await store.change_origin(tx, kind, service_id, origin_id, value=value, is_default=is_default)
    await record(
        tx,
        SCHEMA,
        action=_UPDATED[kind],
        who=who,
        subject_id=origin_id,
        service_id=service_id,
        before={"is_default": before.is_default},
        after={"is_default": row.is_default, "is_value_changed": value != before.value},
    )
    return row


async def archive_origin(tx: Tx, who: Actor, kind: Kind, service_id: UUID, origin_id: UUID) -> None:
    """Take one out of use; once more does nothing. Raises NotFound, DefaultNeeded (the default, while others stand)."""
    await store.lock_origins(tx, kind, service_id)
    row = await _found(tx, kind, service_id, origin_id)
    if row.archived_at is not None:
        return
    if row.is_default and len(await store.origins(tx, kind, service_id)) > 1:
        raise DefaultNeeded(f"Make another {_NOUN[kind]} the default before this one goes.")
    await store.archive_origin(tx, kind, service_id, origin_id, clock.now())
    before = {"is_default": row.is_default}
    await record(tx, SCHEMA, action=_ARCHIVED[kind], who=who, subject_id=row.id, service_id=service_id, before=before)


# guest list ----------------------------------------------------------------


class GuestList(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a service in trial may write to besides its team, as they were written down."""

    emails: list[str]
    phone_numbers: list[str]


_GUEST_FIELDS: dict[str, Channel] = {"emails": "email", "phone_numbers": "sms"}


async def read_guests(tx: Tx, crypto: Crypto, who: Actor, service_id: UUID) -> GuestList:
    """A service's guest list. Personal data: a person's reading of it is audited."""
    rows = await store.guests(tx, service_id)
    if who.kind in ("operator", "command"):
        count = {"count": len(rows)}
        action = Action.NOTIFY_GUEST_LIST_READ
        await record(tx, SCHEMA, action=action, who=who, subject_id=service_id, service_id=service_id, after=count)
    return _opened(crypto, rows)


def _opened(crypto: Crypto, rows: list[GuestRow]) -> GuestList:
    shown: dict[str, list[str]] = {"email": [], "sms": []}
    for row in rows:
        plain = crypto.open(row.personal, table=GUESTS, row=row.id, service=row.service_id)
        shown[row.channel].append(plain.decode())
    return GuestList(emails=shown["email"], phone_numbers=shown["sms"])


def _guest_rows(crypto: Crypto, service_id: UUID, guests: GuestList) -> list[GuestRow]:
    """Raises InvalidInput with every fault."""
    faults: list[dict[str, str]] = []
    rows: dict[tuple[str, bytes], GuestRow] = {}
    for field, channel in _GUEST_FIELDS.items():
        written: list[str] = getattr(guests, field)
        if len(written) > rules.MOST_GUESTS:
            faults.append({"field": field, "message": f"must hold at most {rules.MOST_GUESTS}"})
        for place, text in enumerate(written):
            try:
                index = crypto.index(service_id, normalise(channel, text))
            except (InvalidEmail, InvalidPhone) as fault:
                faults.append({"field": f"{field}.{place}", "message": fault.detail})
                continue
            row_id = ids.uuid7()
            sealed = crypto.seal(trimmed(text).encode(), table=GUESTS, row=row_id, service=service_id)
            rows.setdefault((channel, index), GuestRow(row_id, service_id, channel, index, sealed))
    if faults:
        raise InvalidInput(faults)
    return list(rows.values())


def _counted(rows: list[GuestRow]) -> dict[str, int]:
    return {field: sum(row.channel == channel for row in rows) for field, channel in _GUEST_FIELDS.items()}


async def replace_guests(tx: Tx, crypto: Crypto, who: Actor, service_id: UUID, guests: GuestList) -> GuestList:
    """Set the whole guest list: at most five addresses and five numbers, repeated ones once. Raises InvalidInput."""
    rows = _guest_rows(crypto, service_id, guests)
    await store.lock_guests(tx, service_id)
    before = await store.guests(tx, service_id)
    await store.replace_guests(tx, service_id, rows)
    await record(
        tx,
        SCHEMA,
        action=Action.NOTIFY_GUEST_LIST_REPLACE,
        who=who,
        subject_id=service_id,
        service_id=service_id,
        before=_counted(before),
        after=_counted(rows),
    )
    return _opened(crypto, rows)


def _guest_indexes(crypto: Crypto, row: SealedRow, plain: bytes) -> tuple[bytes | None, ...]:
    written = plain.decode()
    channel: Channel = "email" if "@" in written else "sms"
    return (crypto.index(row.service_id, normalise(channel, written)),)


# for `key rotate`: the guest lists among what is sealed
SEALED = Sealed(GUESTS, store.sealed_guests, _guest_indexes, store.reseal_guests)
