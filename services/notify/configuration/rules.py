"""What a service's settings may be, the limits that follow, and what may be the sender of a text. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from common.auth.principals import KeyType, ServiceStatus
from services.notify.recipients.errors import InvalidPhone
from services.notify.recipients.phone import parse_phone

Channel: TypeAlias = Literal["email", "sms"]

MOST_GUESTS = 5  # of each kind (contract 1.3)
_LARGEST_INTEGER = 2_147_483_647
_DEFAULT_RATE = 3000  # a minute
_LARGEST_USUAL_BURST = 1000
_LIVE_DAY, _LIVE_ABROAD = 250_000, 100
_TRIAL_DAY = 50

Days = Annotated[int, Meta(ge=3, le=90)]
Rate = Annotated[int, Meta(ge=1, le=100_000_000)] | None
DailyLimit = Annotated[int, Meta(ge=0, le=_LARGEST_INTEGER)] | None
# (?![\s\S]): nothing follows; a bare $ lets a line break pass, and these stand in mail headers
LocalPart = Annotated[str, Meta(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$(?![\s\S])", max_length=64)] | None
SenderName = (
    Annotated[str, Meta(pattern=r"^(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$(?![\s\S])", max_length=143)] | None
)


class Kind(StrEnum):
    """The two lists of where a message comes from; the value names the table."""

    REPLY_TO = "reply_to_addresses"
    SMS_SENDER = "sms_senders"


class Settings(Struct, frozen=True, kw_only=True):
    """How a service sends. Limits of None: what its status gives it (`limits_for`).

    sms_prefix: texts begin with the service's name. email_local_part, email_sender_name: None for those made from the
    service's name. Retention: days that recipient and personalisation are kept.
    """

    channels: frozenset[Channel] = frozenset({"email", "sms"})
    international_sms: bool = False
    sms_to_landlines: bool = False
    sms_prefix: bool = True
    email_local_part: str | None = None
    email_sender_name: str | None = None
    retention_email_days: int = 7
    retention_sms_days: int = 7
    rate_limit_per_minute: int | None = None
    daily_email: int | None = None
    daily_sms: int | None = None
    daily_international_sms: int | None = None


class SettingsChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field left out stays, null goes back to the default."""

    channels: list[Channel] | UnsetType = UNSET
    international_sms: bool | UnsetType = UNSET
    sms_to_landlines: bool | UnsetType = UNSET
    sms_prefix: bool | UnsetType = UNSET
    email_local_part: LocalPart | UnsetType = UNSET
    email_sender_name: SenderName | UnsetType = UNSET
    retention_email_days: Days | UnsetType = UNSET
    retention_sms_days: Days | UnsetType = UNSET
    rate_limit_per_minute: Rate | UnsetType = UNSET
    daily_email: DailyLimit | UnsetType = UNSET
    daily_sms: DailyLimit | UnsetType = UNSET
    daily_international_sms: DailyLimit | UnsetType = UNSET

    @property
    def given(self) -> dict[str, object]:
        """What the change names, as settings hold it."""
        found = {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) is not UNSET}
        if "channels" in found:
            found["channels"] = frozenset(found["channels"])
        return found


# what only an operator may change
OPERATORS = frozenset({"rate_limit_per_minute", "daily_email", "daily_sms", "daily_international_sms"})


class Limits(Struct, frozen=True, kw_only=True):
    """What holds now. rate_per_minute and burst: requests to send, for each type of key; daily: messages a UTC day."""

    rate_per_minute: int
    burst: int
    daily_email: int
    daily_sms: int
    daily_international_sms: int

    def daily(self, channel: str) -> int:
        return self.daily_email if channel == "email" else self.daily_sms


def _or(chosen: int | None, default: int) -> int:
    return default if chosen is None else chosen


def limits_for(status: ServiceStatus, settings: Settings, *, key_type: KeyType = "live") -> Limits:
    """A service's limits: those set for it, else those of its status (contract 1.7).

    A test key of a service in trial has the figures of a live one. Above 3000 a minute the burst grows with the rate.
    """
    rate = _or(settings.rate_limit_per_minute, _DEFAULT_RATE)
    burst = math.ceil(rate / 3) + 1
    is_trial = status == "trial" and key_type != "test"
    day = _TRIAL_DAY if is_trial else _LIVE_DAY
    return Limits(
        rate_per_minute=rate,
        burst=burst if rate > _DEFAULT_RATE else min(burst, _LARGEST_USUAL_BURST),
        daily_email=_or(settings.daily_email, day),
        daily_sms=_or(settings.daily_sms, day),
        daily_international_sms=_or(settings.daily_international_sms, min(day, _LIVE_ABROAD)),
    )


def email_local_part(service_name: str) -> str:
    """The part before @ of a service's address, made from its name: `Apply for a Licence` → `apply.for.a.licence`."""
    plain = unicodedata.normalize("NFKD", service_name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", ""))
    return ".".join(words)[:64].strip(".") or "service"


_SENDER = re.compile(r"[a-zA-Z0-9 &.\-_]+")
_SHORTEST_SENDER, _LONGEST_SENDER = 3, 11
# say nothing of who writes, which is what a fraud needs
_GENERIC = frozenset({"alert", "alerts", "info", "information", "verify", "verification", "notice", "message", "sms"})


class SenderFault(Exception):
    """A text cannot come from this sender. str() is for the caller."""


def clean_sms_sender(text: str) -> str:
    """A text's sender as it is kept: a name, or a telephone number as digits with the country code (447…).

    Raises SenderFault. Source: contract section 2, "SMS senders".
    """
    sender = text.strip()
    try:
        return parse_phone(sender).e164
    except InvalidPhone:
        pass
    if not _SHORTEST_SENDER <= len(sender) <= _LONGEST_SENDER:
        raise SenderFault(f"must be {_SHORTEST_SENDER} to {_LONGEST_SENDER} characters, or a telephone number")
    if not _SENDER.fullmatch(sender) or not any(c.isalnum() for c in sender):
        raise SenderFault("must be letters, digits, spaces, and & . - _ only")
    if sender.startswith("00"):
        raise SenderFault("must not begin with 00")
    if sender.lower() in _GENERIC:
        raise SenderFault("must say who the message is from")
    return sender
