"""How a person is reached, in the one form in which two spellings of an address or a number are equal.

A member may be written to by a service in trial, so the form must be the one that the sending component compares:
`tests/unit/tenancy/` proves it against Notify's.
"""

from __future__ import annotations

import re

import msgspec
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from common.errors import InvalidInput

DEFAULT_REGION = "GB"
_LONGEST_EMAIL, _LONGEST_HOST, _LONGEST_LABEL = 320, 253, 63

# Mongolian vowel separator, zero-width space, non-joiner, joiner, word joiner, byte order mark: they come from copying
_INVISIBLE = re.compile("[\u180e\u200b\u200c\u200d\u2060\ufeff]+")
_LOCAL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+")
_LABEL = re.compile(r"[a-z0-9]+(?:-{1,2}[a-z0-9]+)*")
_TOP = re.compile(r"[a-z]{2,63}|xn--(?:[a-z0-9]+-)*[a-z0-9]+")
_DIALLED = re.compile(r"[0-9()+-]+")
# Ofcom's numbers for drama belong to nobody and are what everybody tests with
_DRAMA = re.compile(r"7700900[0-9]{3}")
_UK = 44


class Contact(msgspec.Struct, frozen=True):
    """How a member is reached; kept sealed. Both normalised; `phone` as digits with the country code, or None."""

    email: str
    phone: str | None = None


class _Unusable(Exception):
    """The text is no address, or no number."""


def _email(raw: str) -> str:
    local, _, host = _INVISIBLE.sub("", raw).strip().rpartition("@")
    local = local.lower()
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _Unusable from None
    labels = name.split(".")
    fits = len(local) + len(host) < _LONGEST_EMAIL and ".." not in local and len(name) <= _LONGEST_HOST
    if not fits or not _LOCAL.fullmatch(local) or len(labels) < 2 or not _TOP.fullmatch(labels[-1]):
        raise _Unusable
    if not all(len(label) <= _LONGEST_LABEL and _LABEL.fullmatch(label) for label in labels):
        raise _Unusable
    return f"{local}@{name}"


def _is_usable(number: phonenumbers.PhoneNumber) -> bool:
    is_drama = number.country_code == _UK and _DRAMA.fullmatch(str(number.national_number)) is not None
    return is_drama or phonenumbers.is_valid_number(number)


def _readings(compact: str, region: str) -> list[tuple[str, str | None]]:
    """The ways to read what was typed, likeliest first: spreadsheets drop the plus, people add zeros."""
    bare = compact.replace("+", "").lstrip("0")
    return [(compact, region), (f"+{compact}", None), (bare, region), (f"+{bare}", None)]


def _phone(raw: str, region: str) -> str:
    compact = re.sub(r"\s+", "", _INVISIBLE.sub("", raw))
    if not _DIALLED.fullmatch(compact):
        raise _Unusable
    for text, read_as in _readings(compact, region):
        try:
            number = phonenumbers.parse(text, read_as)
        except NumberParseException:
            continue
        if _is_usable(number):
            return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    raise _Unusable


def read_contact(email: str, phone: str | None = None, *, region: str = DEFAULT_REGION) -> Contact:
    """An address and a number as a person writes them. region: whose national numbers are meant.

    Raises InvalidInput with every fault; the values are not repeated.
    """
    faults = []
    read_email, read_phone = "", None
    try:
        read_email = _email(email)
    except _Unusable:
        faults.append({"field": "email", "message": "is not an e-mail address"})
    if phone is not None and phone.strip():
        try:
            read_phone = _phone(phone, region)
        except _Unusable:
            faults.append({"field": "phone_number", "message": "is not a telephone number"})
    if faults:
        raise InvalidInput(faults)
    return Contact(read_email, read_phone)
