"""Phone numbers: contract 1.6 (texts), 1.8 (rules)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.recipients.errors import InternationalNotAllowed, InvalidPhone
from services.notify.recipients.phone import PhoneNumber, check_allowed, parse_any_phone, parse_phone

NOT_VALID = "Number is not valid – double check the phone number you entered"

Outcome = PhoneNumber | tuple[str, ...]


def outcome(read: Callable[[str], PhoneNumber], raw: str) -> Outcome:
    try:
        return read(raw)
    except InvalidPhone as refusal:
        return tuple(refusal.messages)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", "Not enough digits"),
        ("   ", "Not enough digits"),
        ("0", "Not enough digits"),
        ("1", "Not enough digits"),
        ("()", "Not enough digits"),
        ("077009", "Not enough digits"),
        ("+33 6 12", "Not enough digits"),
        ("0770090012345", "Too many digits"),
        ("+44 7700 900 123 45", "Too many digits"),
        ("7" * 400, "Too many digits"),
        ("07700 90012x", "Must not contain letters or symbols"),
        ("07700.900123", "Must not contain letters or symbols"),
        ("٠٧٧٠٠٩٠٠١٢٣", "Must not contain letters or symbols"),
        ("07700900123\0", "Must not contain letters or symbols"),
        ("+247 46123", "Not a valid country prefix"),
        ("+870 773 111 632", "Not a valid country prefix"),
        ("060 1234 5678", NOT_VALID),
        ("0740012345", NOT_VALID),  # nine digits are possible in the UK, for some landlines
        ("0909 879 0000", NOT_VALID),
        ("0800 123 4567", NOT_VALID),
    ],
)
def test_number_is_refused_with_the_contracts_text(raw: str, text: str) -> None:
    with pytest.raises(InvalidPhone) as refusal:
        parse_phone(raw)
    assert refusal.value.messages == [text]
    assert refusal.value.error_class == "InvalidPhoneError"
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("07400 123 456", "447400123456"),
        ("+44 (0)7400-123456", "447400123456"),
        ("(07400) 123456", "447400123456"),
        ("7400123456", "447400123456"),
        ("00447400123456", "447400123456"),
        ("\u200b07400\u00a0123\u2060456\n", "447400123456"),
        ("0+447400123456", "447400123456"),
        ("00000 7400 123456", "447400123456"),
        ("+07400123456", "447400123456"),
        ("0+44(0)7400123456", "447400123456"),
        ("07700 900 000", "447700900000"),
        ("07700 900 999", "447700900999"),
        ("+1 202 555 0143", "12025550143"),
        ("12025550143", "12025550143"),
        ("0033 6 12 34 56 78", "33612345678"),
        ("353861234567", "353861234567"),
    ],
)
def test_spellings_of_a_number_come_to_one_form(raw: str, e164: str) -> None:
    assert parse_phone(raw).e164 == e164


def test_uk_mobile_is_domestic() -> None:
    assert parse_phone("07400123456") == PhoneNumber("447400123456", 44, False, False, False, False, 1, True)


@pytest.mark.parametrize("raw", ["07797 712345", "07624 412345", "+44 7911 123456"])
def test_crown_dependency_is_billed_abroad_but_needs_no_permission(raw: str) -> None:
    phone = parse_phone(raw)
    assert phone.is_crown_dependency
    assert phone.is_international
    assert not phone.needs_international_permission
    assert phone.rate_multiplier == 1
    check_allowed(phone, international=False, landlines=False)


def test_number_abroad_carries_its_rate_and_receipts() -> None:
    ireland, america = parse_phone("+353861234567"), parse_phone("+12025550143")
    assert (ireland.country_code, ireland.rate_multiplier, ireland.has_delivery_receipts) == (353, 3, True)
    assert (america.country_code, america.rate_multiplier, america.has_delivery_receipts) == (1, 1, False)


def test_island_with_an_american_code_has_its_own_rate() -> None:
    assert parse_phone("+1 664 491 1234").rate_multiplier == 3


def test_number_abroad_needs_permission() -> None:
    phone = parse_phone("+33612345678")
    check_allowed(phone, international=True, landlines=False)
    with pytest.raises(InternationalNotAllowed) as refusal:
        check_allowed(phone, international=False, landlines=True)
    assert refusal.value.messages == ["Cannot send to international mobile numbers"]
    assert refusal.value.error_class == "BadRequestError"


@pytest.mark.parametrize("raw", ["020 7946 0018", "0345 123 4567"])
def test_landline_needs_permission(raw: str) -> None:
    phone = parse_phone(raw)
    assert phone.is_landline
    check_allowed(phone, international=False, landlines=True)
    with pytest.raises(InvalidPhone) as refusal:
        check_allowed(phone, international=True, landlines=False)
    assert refusal.value.messages == ["Not a UK mobile number"]


def test_abroad_is_refused_before_anything_else() -> None:
    withdrawn_landline = PhoneNumber("24746123", 247, True, True, False, True, 1, False)
    with pytest.raises(InternationalNotAllowed):
        check_allowed(withdrawn_landline, international=False, landlines=False)
    with pytest.raises(InvalidPhone, match="Not a UK mobile number"):
        check_allowed(withdrawn_landline, international=True, landlines=False)
    with pytest.raises(InvalidPhone, match="Not a valid country prefix"):
        check_allowed(withdrawn_landline, international=True, landlines=True)


def test_fast_path_agrees_on_every_mobile_range() -> None:
    # Ranges are given out by five digits or fewer; the pattern's own prefix decides, the tail does not.
    for prefix in range(70_000, 80_000):
        raw = f"0{prefix}24057"
        assert outcome(parse_phone, raw) == outcome(parse_any_phone, raw), raw


spelled = st.builds(
    lambda start, digits, gap: start + digits[:4] + gap + digits[4:],
    st.sampled_from(["", "0", "44", "+44", "0044", "+", "00", "+440", "(0)", "440044"]),
    st.from_regex(r"7(700900[0-9]{2,4}|[0-9]{7,11})", fullmatch=True),
    st.sampled_from(["", " ", "-", "\u00a0", "  ", ")"]),
)


@settings(max_examples=400, deadline=None)
@given(spelled | st.text("0123456789+ ()-", max_size=20) | st.text(max_size=20))
def test_fast_path_agrees_with_the_library(raw: str) -> None:
    assert outcome(parse_phone, raw) == outcome(parse_any_phone, raw)


@settings(max_examples=300, deadline=None)
@given(spelled | st.text("0123456789+", max_size=16))
def test_normal_form_of_a_number_is_stable(raw: str) -> None:
    read = outcome(parse_phone, raw)
    if isinstance(read, PhoneNumber):
        assert outcome(parse_phone, "+" + read.e164) == read
