"""Phone numbers: what may be texted, where it lies and what it costs.

Read with libphonenumber for region GB, as contract 1.8 says. A plain UK mobile, which nearly every text goes to, is
decided by one expression taken from the same library's data; everything else takes the long way.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType, ValidationResult

from services.notify.recipients import errors, rates
from services.notify.recipients.errors import InternationalNotAllowed, InvalidPhone
from services.notify.recipients.spaces import without_spaces

_UK = 44
_GB = "GB"
_LONGEST_CACHED = 50
_CACHED_NUMBERS = 2_048  # numbers abroad, met twice within a request; personal data, in memory only

_LANDLINES = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.UAN})
_TEXTABLE = _LANDLINES | {PhoneNumberType.MOBILE, PhoneNumberType.PERSONAL_NUMBER}  # so: no premium, pager, freephone

_allowed = re.compile(r"[0-9()+-]*")
# Ofcom's numbers for drama: never given to a person, unknown to libphonenumber, the documented test numbers here.
_drama = re.compile(r"7700900[0-9]{3}")


def _plain_mobile() -> re.Pattern[str]:
    """UK mobiles in the usual spellings, from libphonenumber's own pattern, so that both age together."""
    region = PhoneMetadata.metadata_for_region(_GB)
    assert region is not None
    assert region.mobile is not None
    assert region.mobile.national_number_pattern is not None
    mobile = region.mobile.national_number_pattern.replace(r"\d", "[0-9]")
    return re.compile(rf"(?:\+44|0044|44|0)?({_drama.pattern}|{mobile})")


_plain = _plain_mobile()


class PhoneNumber(Struct, frozen=True):
    """A number that exists as far as can be told without calling it.

    e164: digits with the country code, without plus. country_code: 44, 1, 353 …
    is_international: billed as abroad; crown dependencies (+44 outside GB) count, yet need no permission.
    rate_multiplier: units one fragment costs. has_delivery_receipts: the country reports them.
    """

    e164: str
    country_code: int
    is_international: bool
    is_landline: bool
    is_crown_dependency: bool
    needs_international_permission: bool
    rate_multiplier: int
    has_delivery_receipts: bool


class _Reading(Struct, frozen=True):
    """What libphonenumber says of a number, without what an operator may change."""

    e164: str
    country_code: int
    is_gb: bool
    is_landline: bool


def parse_phone(raw: str) -> PhoneNumber:
    """Read a recipient's phone number as a person types it.

    Raises InvalidPhone with one of the contract's texts (1.6). Permissions are not looked at: see check_allowed.
    """
    plain = _plain.fullmatch(raw) or _plain.fullmatch(raw.replace(" ", ""))
    if plain is None:
        return parse_any_phone(raw)
    return PhoneNumber("44" + plain[1], _UK, False, False, False, False, 1, True)


def parse_any_phone(raw: str) -> PhoneNumber:
    """As parse_phone, by the library alone and for every number: the slow path that the fast one must agree with."""
    compact = without_spaces(raw)
    if not _allowed.fullmatch(compact):
        raise InvalidPhone(errors.UNKNOWN_CHARACTERS)
    # only numbers of a sane length are remembered: "0" a million times before a number is a number too
    reading = _read(compact) if len(compact) <= _LONGEST_CACHED else _read.__wrapped__(compact)
    is_uk_code = reading.country_code == _UK
    multiplier, has_receipts = 1, True
    if not reading.is_gb:
        rate = rates.rate_for(reading.e164)
        if rate is None:
            raise InvalidPhone(errors.UNSUPPORTED_COUNTRY)
        multiplier, has_receipts = rate.multiplier, rate.has_delivery_receipts
    return PhoneNumber(
        e164=reading.e164,
        country_code=reading.country_code,
        is_international=not reading.is_gb,
        is_landline=reading.is_landline,
        is_crown_dependency=is_uk_code and not reading.is_gb,
        needs_international_permission=not is_uk_code,
        rate_multiplier=multiplier,
        has_delivery_receipts=has_receipts,
    )


def check_allowed(phone: PhoneNumber, *, international: bool, landlines: bool) -> None:
    """Refuse a number that this service may not text.

    In the contract's order: abroad (InternationalNotAllowed), landline, country without a rate (both InvalidPhone).
    parse_phone refuses the last already; it is asked again for a number read before an operator withdrew its country.
    """
    if phone.needs_international_permission and not international:
        raise InternationalNotAllowed
    if phone.is_landline and not landlines:
        raise InvalidPhone(errors.NOT_A_UK_MOBILE)
    if phone.is_international and rates.rate_for(phone.e164) is None:
        raise InvalidPhone(errors.UNSUPPORTED_COUNTRY)


@lru_cache(maxsize=_CACHED_NUMBERS)
def _read(compact: str) -> _Reading:
    """Read the number as written; failing that, without stray plus signs and leading zeros."""
    try:
        number = _number(compact)
    except InvalidPhone:
        number = _number(compact.replace("+", "").lstrip("0"))
    is_drama = _is_drama(number)
    is_gb = is_drama or phonenumbers.region_code_for_number(number) == _GB
    is_landline = number.country_code == _UK and phonenumbers.number_type(number) in _LANDLINES
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return _Reading(e164.removeprefix("+"), number.country_code or 0, is_gb, is_landline)


def _number(compact: str) -> phonenumbers.PhoneNumber:
    number = _parsed(compact)
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != ValidationResult.IS_POSSIBLE:
        # Spreadsheets drop the plus: a number too long or short for the UK may still be one from abroad.
        abroad = _parsed_from_abroad(compact)
        if abroad is None:
            raise _by_length(reason)
        number = abroad
    if _is_drama(number):
        return number
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _TEXTABLE:
        raise InvalidPhone(errors.NOT_VALID)
    return number


def _parsed(compact: str) -> phonenumbers.PhoneNumber:
    digits = sum(character.isdigit() for character in compact)
    if digits < 2:  # the fewest that libphonenumber takes for a number at all
        raise InvalidPhone(errors.NOT_ENOUGH_DIGITS)
    try:
        return phonenumbers.parse(compact, _GB)
    except phonenumbers.NumberParseException as unreadable:
        if unreadable.error_type == phonenumbers.NumberParseException.TOO_LONG:
            raise InvalidPhone(errors.TOO_MANY_DIGITS) from None
        raise InvalidPhone(errors.NOT_VALID) from None


def _parsed_from_abroad(compact: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse("+" + compact)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _by_length(reason: int) -> InvalidPhone:
    if reason == ValidationResult.TOO_LONG:
        return InvalidPhone(errors.TOO_MANY_DIGITS)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return InvalidPhone(errors.NOT_ENOUGH_DIGITS)
    if reason == ValidationResult.INVALID_COUNTRY_CODE:
        return InvalidPhone(errors.UNSUPPORTED_COUNTRY)
    return InvalidPhone(errors.NOT_VALID)


def _is_drama(number: phonenumbers.PhoneNumber) -> bool:
    return number.country_code == _UK and _drama.fullmatch(str(number.national_number)) is not None
