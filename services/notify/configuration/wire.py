"""Configuration on the wire (/v1). Bodies are read field by field, so that every fault is named at once."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from common.errors import BadRequest, InvalidInput
from services.notify.configuration.rules import Channel, Kind

Body = TypeVar("Body", bound=msgspec.Struct)


class EffectiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits that hold now for live and team keys."""

    rate_limit_per_minute: int
    daily_email: int
    daily_sms: int
    daily_international_sms: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A service's settings. A limit of null is the default of the service's status; `effective` says what holds."""

    service_id: UUID
    channels: list[Channel]
    international_sms: bool
    sms_to_landlines: bool
    sms_prefix: bool
    email_local_part: str | None
    email_sender_name: str | None
    retention_email_days: int
    retention_sms_days: int
    rate_limit_per_minute: int | None
    daily_email: int | None
    daily_sms: int | None
    daily_international_sms: int | None
    effective: EffectiveLimits


class NewReplyTo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reply-to address to add. The first is the default whatever is asked."""

    address: str
    is_default: bool = False


class ReplyToChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a reply-to address."""

    address: str | msgspec.UnsetType = msgspec.UNSET
    is_default: bool | msgspec.UnsetType = msgspec.UNSET


class ReplyTo(msgspec.Struct, frozen=True, kw_only=True):
    """A reply-to address in use."""

    id: UUID
    address: str
    is_default: bool
    created_at: datetime


class ReplyToList(msgspec.Struct, frozen=True):
    """Those in use, oldest first."""

    reply_to_addresses: list[ReplyTo]


class NewSmsSender(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text sender to add: 3 to 11 characters, or a telephone number. The first is the default whatever is asked."""

    sender: str
    is_default: bool = False


class SmsSenderChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a text sender."""

    sender: str | msgspec.UnsetType = msgspec.UNSET
    is_default: bool | msgspec.UnsetType = msgspec.UNSET


class SmsSender(msgspec.Struct, frozen=True, kw_only=True):
    """A text sender in use; a telephone number as digits with the country code."""

    id: UUID
    sender: str
    is_default: bool
    created_at: datetime


class SmsSenderList(msgspec.Struct, frozen=True):
    """Those in use, oldest first."""

    sms_senders: list[SmsSender]


class GuestList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a service in trial, or a team key, may write to besides the team: at most five of each."""

    emails: list[str]
    phone_numbers: list[str]


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done. position: what `after` continues from."""

    id: UUID
    position: int
    at: datetime
    action: str
    organisation_id: UUID | None
    service_id: UUID | None
    actor_kind: str
    actor: str
    source: str | None
    subject_id: str
    before: Any
    after: Any
    reason: str | None
    trace: str | None


class AuditEvents(msgspec.Struct, frozen=True):
    """A page, oldest first. next: the `after` of the next page, null when this one is not full."""

    events: list[AuditEvent]
    next: int | None


_PLACE = re.compile(r" - at `\$(\[[^`]*|\.[^`]*)?`$")


def _fault(name: str, error: msgspec.ValidationError) -> dict[str, str]:
    """msgspec's message names types and bounds; of what was sent it repeats only a wrong choice, which is cut off."""
    text = str(error)
    place = _PLACE.search(text)
    inside = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", place[1] or "") if place else ""
    return {"field": f"{name}{inside}", "message": _PLACE.sub("", text).split(" '")[0]}


def read(kind: type[Body], raw: bytes) -> Body:
    """The body of a request. Raises BadRequest (no JSON object), or InvalidInput with every fault."""
    try:
        given = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("The body is not a JSON object in UTF-8.") from None
    hints = get_type_hints(kind, include_extras=True)
    faults = [{"field": name, "message": "Is not a field of this request"} for name in given if name not in hints]
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.name not in given:
            if field.required:
                faults.append({"field": field.name, "message": "Is required"})
            continue
        try:
            values[field.name] = msgspec.json.decode(given[field.name], type=hints[field.name])
        except msgspec.ValidationError as error:
            faults.append(_fault(field.name, error))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadRequest("The body is not a JSON object in UTF-8.") from None
    if faults:
        raise InvalidInput(faults)
    return kind(**values)


def read_new_origin(kind: Kind, raw: bytes) -> tuple[str, bool]:
    """A reply-to address or a text sender to add, and whether it shall be the default. Raises as read."""
    if kind is Kind.REPLY_TO:
        reply_to = read(NewReplyTo, raw)
        return reply_to.address, reply_to.is_default
    sender = read(NewSmsSender, raw)
    return sender.sender, sender.is_default


def read_origin_change(kind: Kind, raw: bytes) -> tuple[str | None, bool | None]:
    """What to change of one; None is left as it is. Raises as read."""
    if kind is Kind.REPLY_TO:
        reply_to = read(ReplyToChange, raw)
        value, is_default = reply_to.address, reply_to.is_default
    else:
        sender = read(SmsSenderChange, raw)
        value, is_default = sender.sender, sender.is_default
    return (
        None if isinstance(value, msgspec.UnsetType) else value,
        None if isinstance(is_default, msgspec.UnsetType) else is_default,
    )


def read_number(text: str | None, name: str, *, default: int, low: int, high: int) -> int:
    """A whole number in a query. Raises InvalidInput."""
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
        raise InvalidInput([{"field": name, "message": f"must be a whole number from {low} to {high}"}])
    return int(text)
