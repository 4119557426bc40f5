"""How single fields of a body are read: type faults are 400, faults of value 422 (contract section 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.pay.errors import AttributeInvalid, AttributeMalformed, AttributeMissing
from services.pay.requests.bodies import LONGEST_TEXT, MOST_MINOR
from services.pay.requests.parsing import is_blank, is_integer, is_text

NUMERIC = "Must be a valid numeric format"
STRING = "Must be a valid string format"
FIELD_STRING = "Field must be a string"
BOOLEAN = "Must be true or false"

Body = Mapping[str, Any]


class Codes(NamedTuple):
    """The P-codes of an operation for an attribute that is missing, and for one that is wrong."""

    missing: str
    wrong: str


PAYMENT = Codes("P0101", "P0102")
REFUND = Codes("P0601", "P0602")
AGREEMENT = Codes("P2101", "P2102")


def read_amount(body: Body, codes: Codes) -> int:
    """Minor units, of 32 bits; whether there are too many or too few is check_most and the caller's matter."""
    value = body.get("amount")
    if value is None:
        raise AttributeMissing("amount", code=codes.missing, field="amount")
    if not is_integer(value):
        raise AttributeMalformed("amount", NUMERIC, code=codes.wrong)
    return int(value)


def read_mandatory(body: Body, name: str, codes: Codes) -> str:
    """A text that must be there and not be blank, without the characters that the original's firewall stops."""
    value = body.get(name)
    if value is None:
        raise AttributeMissing(name, code=codes.missing, field=name)
    if not is_text(value):
        raise AttributeMalformed(name, STRING, code=codes.wrong)
    if is_blank(value):
        raise AttributeMissing(name, code=codes.missing, field=name)
    if holds_forbidden(value):
        raise AttributeMalformed(name, STRING, code=codes.wrong)
    return str(value)


def read_optional(body: Body, name: str, why: str = FIELD_STRING, *, code: str = "P0102") -> str | None:
    """A text that may be absent or null."""
    value = body.get(name)
    if value is not None and not is_text(value):
        raise AttributeMalformed(name, why, code=code)
    return value


def read_flag(body: Body, name: str) -> bool:
    """true or false; absent is false, null is a fault."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise AttributeMalformed(name, BOOLEAN)
    return value


def read_choice(body: Body, name: str, choices: tuple[str, ...], why: str) -> str:
    """One of a few words. No word at all is a fault of type, another word one of value."""
    value = body.get(name)
    if not is_text(value) or is_blank(value):
        raise AttributeMalformed(name, why)
    if value not in choices:
        raise AttributeInvalid(name, why)
    return str(value)


def holds_forbidden(text: str) -> bool:
    return "<" in text or ">" in text or "|" in text


def check_longest(name: str, value: str | None, longest: int = LONGEST_TEXT, *, code: str = "P0102") -> None:
    """Raises AttributeInvalid for a text with more characters."""
    if value is not None and len(value) > longest:
        raise AttributeInvalid(name, f"Must be less than or equal to {longest} characters length", code=code)


def check_amount(value: int, least: int, codes: Codes) -> None:
    """Raises AttributeInvalid. least: the original speaks of 1 also where 0 is allowed."""
    if value < least:
        raise AttributeInvalid("amount", "Must be greater than or equal to 1", code=codes.wrong)
    if value > MOST_MINOR:
        raise AttributeInvalid("amount", f"Must be less than or equal to {MOST_MINOR}", code=codes.wrong)
