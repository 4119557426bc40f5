"""Rules of payments that need nothing but what they are given: sums, what can be refunded, cards, when payments expire.

Sums are minor units of the payment's currency. Sources: contract sections 1.4, 1.5 and 2.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

from services.pay.errors import AttributeInvalid
from services.pay.payments.states import EXPIRABLE, external

EXPIRES_AFTER = timedelta(minutes=90)
CAPTURABLE_EXPIRES_AFTER = timedelta(hours=120)
# a payment that moved just now is left alone: its payer is at it
QUIET_FOR = timedelta(seconds=300)

RefundStatus: TypeAlias = Literal["pending", "available", "full", "unavailable"]

_ON_THE_WAY = frozenset({"capture_approved", "capturing", "capture_submitted"})


def total_minor(amount_minor: int, surcharge_minor: int) -> int:
    """What the payer is charged."""
    return amount_minor + surcharge_minor


def net_minor(amount_minor: int, surcharge_minor: int, fee_minor: int, *, is_taken: bool) -> int:
    """What reaches the service. is_taken: False for a payment that failed and still cost a fee, which is a loss."""
    return (total_minor(amount_minor, surcharge_minor) if is_taken else 0) - fee_minor


def refund_status(state: str, *, available_minor: int, is_disputed: bool = False) -> RefundStatus:
    """Whether money can be given back. available_minor: the total less what was, or is being, given back."""
    if is_disputed:
        return "unavailable"
    if state == "captured":
        return "available" if available_minor > 0 else "full"
    if state in _ON_THE_WAY or not external(state).finished:
        return "pending"
    return "unavailable"


def expires_at(state: str, created_at: datetime) -> datetime | None:
    """When time ends the payment, None if it does not: 90 minutes, or 5 days for a capture that is to be asked for."""
    if state not in EXPIRABLE:
        return None
    return created_at + (CAPTURABLE_EXPIRES_AFTER if state == "capturable" else EXPIRES_AFTER)


def is_expiry_due(state: str, *, created_at: datetime, updated_at: datetime, now: datetime) -> bool:
    """Whether the sweep may end the payment."""
    at = expires_at(state, created_at)
    return at is not None and now >= at and now - updated_at >= QUIET_FOR


# what a payer or a service typed ----------------------------------------------

_NOT_DIGITS = re.compile(r"[^0-9]")
_spaces_and_hyphens = re.compile(r"[\s-]")
_card_number = re.compile(r"[0-9]{12,19}", re.ASCII)
_security_code = re.compile(r"\s*[0-9]{3,4}\s*", re.ASCII)
_expiry = re.compile(r"(?P<month>0[1-9]|1[0-2])/(?P<year>[0-9]{2})", re.ASCII)
# the shapes that the Royal Mail gives out, with the three that stand outside them
_postcode = re.compile(
    r"(?:GIR0AA|BFPO[0-9]{1,4}|(?:[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]|[A-HK-Y][0-9][0-9ABEHMNPRV-Y]|"
    r"[0-9][A-HJKPS-UW])|ASCN|STHL|TDCU|BBND|BIQQ|FIQQ|PCRN|SIQQ|TKCA)[0-9][ABD-HJLNP-UW-Z]{2})",
    re.ASCII,
)

_MOST_DIGITS = 11


def passes_luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit)
        if place % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


def is_card_number(text: str) -> bool:
    """Whether a text of digits alone could be a card's number."""
    return _card_number.fullmatch(text) is not None and passes_luhn(text)


def holds_card_number(reference: str) -> bool:
    """Whether a reference is a card number, spaces and hyphens apart."""
    return is_card_number(_spaces_and_hyphens.sub("", reference))


def looks_like_card_number(text: str) -> bool:
    """Whether a name or a line of an address holds more digits than it should: a card number typed in the wrong box."""
    return len(_NOT_DIGITS.sub("", text)) > _MOST_DIGITS


def looks_like_security_code(name: str) -> bool:
    """Whether a cardholder's name is three or four digits and nothing else."""
    return _security_code.fullmatch(name) is not None


def is_uk_postcode(text: str) -> bool:
    """Whether a text is a whole UK postcode; spaces and case do not matter."""
    return _postcode.fullmatch("".join(text.split()).upper()) is not None


def read_expiry(text: str) -> tuple[int, int] | None:
    """Year and month of MM/YY; None if the text is none. All cards expire in this century."""
    found = _expiry.fullmatch(text)
    return (2000 + int(found["year"]), int(found["month"])) if found else None


def is_past_expiry(year: int, month: int, today: date) -> bool:
    """Whether a card no longer pays: it does until the last day of its month."""
    return (year, month) < (today.year, today.month)


def check_expiry(text: str, today: date) -> None:
    """Raises AttributeInvalid for card details that a service sent with a date in the past."""
    expiry = read_expiry(text)
    if expiry is None or is_past_expiry(*expiry, today):
        raise AttributeInvalid("expiry_date", "Must be a valid date in the future", names_field=False)
