"""How each field of a body is read: one function a kind, which gives the typed value or raises Fault.

The words are those that jsonschema (Draft 7) and the original's own checks produce, with every ' taken out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common import clock
from services.notify.recipients.email import normalise_email
from services.notify.recipients.errors import InvalidEmail, InvalidPhone
from services.notify.recipients.phone import parse_phone
from services.notify.requests.parsing import with_digits_for_large_integers
from services.notify.requests.wire import MAX_REFERENCE, MAX_VERSION

SCHEDULE_WINDOW = timedelta(hours=24)

_BAD_MOMENT = (
    "datetime format is invalid. It must be a valid ISO8601 date time format, https://en.wikipedia.org/wiki/ISO_8601"
)
_moment = re.compile(r"[0-9W-]{4,10}(?:[Tt ][0-9:.,Zz+-]+)?")
# RFC 3986 characters only: the address goes into a mail header as it stands.
_https_url = re.compile(r"https://[A-Za-z0-9\[](?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


class Fault(Exception):
    """A field's value is wrong. texts: what the caller is told, without the field's name; may hold the value."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts


def shown(value: object) -> str:
    """A value as the contract prints it in an error: Python's form, with every ' taken out."""
    return repr(value).replace("'", "")


def is_https_url(text: str) -> bool:
    """Whether the text is an absolute https address in RFC 3986's characters."""
    return _https_url.fullmatch(text) is not None


def read_text(value: object) -> str:
    """A text of any length."""
    if not isinstance(value, str):
        raise Fault(f"{shown(value)} is not of type string")
    return value


def read_reference(value: object) -> str:
    """The caller's own reference."""
    text = read_text(value)
    if len(text) > MAX_REFERENCE:
        raise Fault(f"{shown(text)} is too long")
    return text


def read_uuid(value: object) -> UUID:
    """An identifier in any spelling that Python's UUID takes: without dashes, in braces, as urn."""
    if not isinstance(value, str):
        raise Fault("is not a valid UUID")
    try:
        return UUID(value)
    except ValueError:
        raise Fault("is not a valid UUID") from None


def read_phone_number(value: object) -> str:
    """A phone number that exists; permissions are the flow's matter. Kept as written."""
    text = read_text(value)
    try:
        parse_phone(text)
    except InvalidPhone as refusal:
        raise Fault(*refusal.messages) from None
    return text


def read_email_address(value: object) -> str:
    """A valid e-mail address, kept as written."""
    text = read_text(value)
    try:
        normalise_email(text)
    except InvalidEmail as refusal:
        raise Fault(*refusal.messages) from None
    return text


def read_personalisation(value: object) -> dict[str, object]:
    """Values for placeholders; any will do. Integers too large to keep become their digits, as they are shown."""
    if not isinstance(value, dict):
        raise Fault(f"{shown(value)} is not of type object")
    return {name: with_digits_for_large_integers(part) for name, part in value.items()}


def read_https_url(value: object) -> str:
    """Where one click unsubscribes."""
    if isinstance(value, str) and is_https_url(value):
        return value
    raise Fault("is not a valid https url")


def read_names(value: object) -> tuple[str, ...]:
    """Names of placeholders; null stands for none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Fault(f"{shown(value)} is not of type array, null")
    wrong = [part for part in value if not isinstance(part, str)]
    if wrong:
        raise Fault(*(f"{shown(part)} is not of type string" for part in wrong))
    return tuple(value)


def read_template_version(value: object) -> int:
    """Our addition. Draft 7 counts 2.0 as an integer, and true as none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Fault(f"{shown(value)} is not of type integer")
    if value < 1:
        raise Fault(f"{value} is less than the minimum of 1")
    if value > MAX_VERSION:
        raise Fault(f"{value} is greater than the maximum of {MAX_VERSION}")
    return value


def read_scheduled_for(value: object, window: timedelta = SCHEDULE_WINDOW) -> datetime | None:
    """When to send, in UTC; null is at once. A time without a zone is UTC.

    window: how far ahead it may lie.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise Fault(f"{shown(value)} is not of type string, null")
    moment = _read_moment(value)
    now = clock.now()
    if moment < now:
        raise Fault("datetime can not be in the past")
    if moment > now + window:
        hours = int(window.total_seconds() // 3600)
        raise Fault(f"datetime can only be {hours} hours in the future")
    return moment


def _read_moment(text: str) -> datetime:
    # The expression first: Python takes any character between date and time, ISO 8601 does not.
    if not _moment.fullmatch(text):
        raise Fault(_BAD_MOMENT)
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: the first or last day of the calendar, moved by its zone
        raise Fault(_BAD_MOMENT) from None
