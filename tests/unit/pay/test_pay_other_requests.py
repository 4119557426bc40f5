"""Refunds, agreements, card details, telephone payments, keys, and what an account allows."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.pay.errors import IdempotencyKeyMalformed, PayRefusal
from services.pay.requests.account import (
    Account,
    KnownAgreement,
    agreement_named_by,
    check_account,
    check_agreement,
    check_payment,
)
from services.pay.requests.bodies import PaymentOutcome, PaymentRequest, PrefilledDetails, RefundRequest
from services.pay.requests.decode import decode_agreement, decode_authorisation, decode_refund, decode_telephone
from services.pay.requests.keys import checked_key
from services.pay.requests.others import read_refund
from services.pay.requests.urls import is_return_url

AGREEMENT = "abcdefghijklmnopqrstuv0123"
SERVICE = UUID("018f0000-0000-7000-8000-000000000001")
TEST = Account(service_id=SERVICE, mode="test")
LIVE = Account(service_id=SERVICE, mode="live", provider="stripe", least_minor=30)
WEB = PaymentRequest(amount=1000, reference="r", description="d", return_url="https://service.gov.uk/")
RECURRING = PaymentRequest(
    amount=1000, reference="r", description="d", authorisation_mode="agreement", agreement_id=AGREEMENT
)


def said(call: Any, *args: Any) -> tuple[int, str | None, str | None, str]:
    with pytest.raises(PayRefusal) as caught:
        call(*args)
    error = caught.value
    return error.status, error.code, error.field, error.detail


def encoded(**body: Any) -> bytes:
    return json.dumps(body).encode()


# refunds --------------------------------------------------------------------


def test_refund_is_read() -> None:
    assert decode_refund(encoded(amount=1, refund_amount_available=5000)) == RefundRequest(
        amount=1, refund_amount_available=5000
    )
    assert decode_refund(encoded(amount=10_000_000)).refund_amount_available is None
    assert decode_refund(encoded(amount=1, refund_amount_available=None)).refund_amount_available is None


@pytest.mark.parametrize(
    ("amount", "status", "code", "text"),
    [
        (None, 400, "P0601", "Missing mandatory attribute: amount"),
        ("1", 400, "P0602", "Invalid attribute value: amount. Must be a valid numeric format"),
        (1.0, 400, "P0602", "Invalid attribute value: amount. Must be a valid numeric format"),
        (0, 422, "P0602", "Invalid attribute value: amount. Must be greater than or equal to 1"),
        (10_000_001, 422, "P0602", "Invalid attribute value: amount. Must be less than or equal to 10000000"),
    ],
)
def test_refund_of_a_wrong_amount_is_refused(amount: Any, status: int, code: str, text: str) -> None:
    assert said(decode_refund, encoded(amount=amount)) == (status, code, "amount", text)


@pytest.mark.parametrize(("sent", "read"), [("500", 500), (" 7 ", 7), (2.9, 2), ("x", 0), (True, 0), ([], 0)])
def test_refund_amount_available_of_another_type_is_read_as_the_original_does(sent: Any, read: int) -> None:
    assert decode_refund(encoded(amount=1, refund_amount_available=sent)).refund_amount_available == read


def outcome(read: Any, raw: bytes) -> Any:
    try:
        return read(raw)
    except PayRefusal as error:
        return error.status, error.code, error.field, error.detail


amounts = st.integers(-3, 3) | st.integers(-(2**33), 2**33) | st.none() | st.floats() | st.booleans() | st.text()


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional={"amount": amounts, "refund_amount_available": amounts, "x": amounts}))
def test_fast_and_complete_way_agree_on_refunds(given_body: dict[str, Any]) -> None:
    raw = encoded(**given_body)
    assert outcome(decode_refund, raw) == outcome(read_refund, raw)


# agreements -----------------------------------------------------------------


def test_agreement_is_read_and_refused_with_codes_of_its_own() -> None:
    whole = decode_agreement(encoded(reference="r", description="d", user_identifier="u"))
    assert (whole.reference, whole.description, whole.user_identifier) == ("r", "d", "u")
    missing = (400, "P2101", "reference", "Missing mandatory attribute: reference")
    assert said(decode_agreement, encoded(description="d")) == missing
    malformed = (400, "P2102", "description", "Invalid attribute value: description. Must be a valid string format")
    assert said(decode_agreement, encoded(reference="r", description="<d>")) == malformed
    status, code, field, _ = said(decode_agreement, encoded(reference="r", description="d", user_identifier="u" * 256))
    assert (status, code, field) == (422, "P2102", "user_identifier")


# card details ---------------------------------------------------------------

CARD = {
    "one_time_token": "t",
    "card_number": "4242424242424242",
    "cvc": "123",
    "expiry_date": "11/30",
    "cardholder_name": "J Doe",
}


def test_card_details_are_read_and_never_shown() -> None:
    details = decode_authorisation(encoded(**CARD))
    assert details.card_number == "4242424242424242"
    for shown in (repr(details), str(details), f"{details}"):
        assert "4242" not in shown
        assert "Doe" not in shown


@pytest.mark.parametrize("name", list(CARD))
def test_card_detail_that_is_missing_is_422(name: str) -> None:
    for value in (None, "", " "):
        told = said(decode_authorisation, encoded(**{**CARD, name: value}))
        assert told == (422, "P0101", name, f"Missing mandatory attribute: {name}")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("card_number", "4" * 11, "Must be between 12 and 19 characters long"),
        ("card_number", "4" * 20, "Must be between 12 and 19 characters long"),
        ("cvc", "12", "Must be between 3 and 4 characters long"),
        ("expiry_date", "13/30", "Must be a valid date with the format MM/YY"),
        ("expiry_date", "1/30", "Must be a valid date with the format MM/YY"),
        ("cardholder_name", "n" * 256, "Must be less than or equal to 255 characters long"),
    ],
)
def test_card_detail_of_a_wrong_length_is_422(name: str, value: str, text: str) -> None:
    told = said(decode_authorisation, encoded(**{**CARD, name: value}))
    assert told == (422, "P0102", name, f"Invalid attribute value: {name}. {text}")


# telephone payments ---------------------------------------------------------

PHONE: dict[str, Any] = {
    "amount": 100,
    "reference": "r",
    "description": "d",
    "processor_id": "1PROC",
    "provider_id": "1PROV",
    "payment_outcome": {"status": "success"},
    "card_type": "visa",
    "last_four_digits": "1234",
    "first_six_digits": "123456",
}


def test_telephone_payment_is_read() -> None:
    read = decode_telephone(encoded(**PHONE, card_expiry="01/08", created_date="2018-02-21T16:04:25Z", auth_code=666))
    assert read.payment_outcome == PaymentOutcome(status="success")
    assert (read.card_expiry, read.created_date, read.auth_code) == ("01/08", "2018-02-21T16:04:25Z", "666")
    failed = {"status": "failed", "code": "P0010", "supplemental": {"error_code": "E1"}}
    assert decode_telephone(encoded(**{**PHONE, "payment_outcome": failed})).payment_outcome.code == "P0010"


@pytest.mark.parametrize("name", list(PHONE))
def test_telephone_payment_without_a_mandatory_attribute_is_422(name: str) -> None:
    raw = encoded(**{key: value for key, value in PHONE.items() if key != name})
    assert said(decode_telephone, raw) == (422, "P0101", name, f"Missing mandatory attribute: {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", -1),
        ("amount", "1"),
        ("reference", "r" * 256),
        ("created_date", "2018-02-21"),
        ("payment_outcome", {"status": "success", "code": "P0010"}),
        ("payment_outcome", {"status": "failed", "code": "P0099"}),
        ("payment_outcome", 1),
        ("card_type", "bogus"),
        ("card_expiry", "1/8"),
        ("last_four_digits", "12345"),
        ("first_six_digits", "12345a"),
        ("name_on_card", []),
    ],
)
def test_telephone_payment_with_a_wrong_value_is_422(name: str, value: Any) -> None:
    status, code, field, _ = said(decode_telephone, encoded(**{**PHONE, name: value}))
    assert (status, code, field) == (422, "P0102", name)


# keys -----------------------------------------------------------------------


def test_idempotency_key_is_letters_digits_and_hyphens() -> None:
    assert checked_key(None) is None
    assert checked_key("a-Z9" * 63) == "a-Z9" * 63
    size = "Header [Idempotency-Key] can have a size between 1 and 255"
    letters = "Header [Idempotency-Key] can only contain alphanumeric characters and hyphens"
    for sent, text in (("", size), ("k" * 256, size), ("a_b", letters), ("é", letters), ("a\n", letters)):
        with pytest.raises(IdempotencyKeyMalformed) as caught:
            checked_key(sent)
        error = caught.value
        assert (error.status, error.code, error.header, error.detail) == (422, "P0102", "Idempotency-Key", text)


# what the account allows ----------------------------------------------------


def test_account_that_is_disabled_or_not_set_up_takes_nothing() -> None:
    disabled, unset = structs.replace(TEST, is_disabled=True), structs.replace(TEST, has_credentials=False)
    assert said(check_account, disabled)[:2] == (403, "P0941")
    assert said(check_payment, WEB, disabled)[:2] == (403, "P0941")
    assert said(check_payment, WEB, unset)[:2] == (403, "P0940")
    check_payment(WEB, TEST)
    check_payment(WEB, LIVE)


PAGE = "Refer to https://docs.payments.service.gov.uk/making_payments/#amount"


def test_amount_below_the_least_is_422() -> None:
    nothing, little = structs.replace(WEB, amount=0), structs.replace(WEB, amount=29)
    one = f"Invalid attribute value: amount. Must be greater than or equal to 1. {PAGE}"
    thirty = f"Invalid attribute value: amount. Must be greater than or equal to 30. {PAGE}"
    assert said(check_payment, nothing, TEST) == (422, "P0102", "amount", one)
    assert said(check_payment, little, LIVE) == (422, "P0102", "amount", thirty)
    check_payment(little, TEST)
    check_payment(nothing, structs.replace(TEST, allow_zero_amount=True))


def test_return_url_is_wanted_of_web_payments_only() -> None:
    missing = (400, "P0101", None, "Missing mandatory attribute: return_url")
    assert said(check_payment, structs.replace(WEB, return_url=None), TEST) == missing
    malformed = (422, "P0102", None, "Invalid attribute value: return_url. Must be a valid URL format")
    assert said(check_payment, structs.replace(WEB, return_url="service.gov.uk"), TEST) == malformed
    unexpected = (400, "P0104", None, "Unexpected attribute: return_url")
    moto = structs.replace(WEB, authorisation_mode="moto_api")
    assert said(check_payment, moto, TEST) == unexpected
    recurring = structs.replace(RECURRING, return_url="https://a.uk")
    assert said(check_payment, recurring, structs.replace(TEST, recurring_enabled=True)) == unexpected


def test_live_payment_must_come_back_to_https() -> None:
    http = structs.replace(WEB, return_url="http://service.gov.uk/")
    check_payment(http, TEST)
    text = "Invalid attribute value: return_url. Must begin with https:// for a live gateway account"
    assert said(check_payment, http, LIVE) == (422, "P0920", None, text)


def test_account_flags_open_what_they_name() -> None:
    moto = structs.replace(WEB, moto=True)
    assert said(check_payment, moto, TEST)[:2] == (422, "P0196")
    check_payment(moto, structs.replace(TEST, allow_moto=True))
    api = structs.replace(WEB, authorisation_mode="moto_api", return_url=None)
    assert said(check_payment, api, TEST)[:2] == (422, "P0195")
    check_payment(api, structs.replace(TEST, allow_authorisation_api=True))
    for request in (RECURRING, structs.replace(WEB, set_up_agreement=AGREEMENT)):
        assert said(check_payment, request, TEST)[:2] == (422, "P0942")
        check_payment(request, structs.replace(TEST, recurring_enabled=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("moto", True),
        ("email", "a@b.c"),
        ("prefilled_cardholder_details", PrefilledDetails()),
        ("set_up_agreement", AGREEMENT),
    ],
)
def test_agreement_payment_takes_no_part_of_a_payer(name: str, value: Any) -> None:
    account = structs.replace(TEST, recurring_enabled=True, allow_moto=True)
    request = structs.replace(RECURRING, **{name: value})
    assert said(check_payment, request, account) == (400, "P0104", None, f"Unexpected attribute: {name}")


def test_agreement_payment_needs_an_active_agreement() -> None:
    account = structs.replace(TEST, recurring_enabled=True)
    without = structs.replace(RECURRING, agreement_id=None)
    missing = (400, "P0101", None, "Missing mandatory attribute: agreement_id")
    assert said(check_payment, without, account) == missing
    assert agreement_named_by(RECURRING) == AGREEMENT
    assert said(check_agreement, RECURRING, None) == (400, "P0102", None, "Agreement does not exist")
    assert said(check_agreement, RECURRING, KnownAgreement(False)) == (400, "P0102", None, "Agreement must be active")
    check_agreement(RECURRING, KnownAgreement(True))


def test_agreement_to_set_up_must_exist_and_need_not_be_active() -> None:
    request = structs.replace(WEB, set_up_agreement=AGREEMENT)
    text = "Invalid attribute value: set_up_agreement. Agreement ID does not exist"
    assert said(check_agreement, request, None) == (400, "P0103", "set_up_agreement", text)
    check_agreement(request, KnownAgreement(False))


def test_card_number_in_the_reference_of_a_payment_link_is_refused() -> None:
    request = decode_payment_with_source("CARD_PAYMENT_LINK", "4242 4242-4242 4242")
    text = "Card number entered in a payment link reference"
    assert said(check_payment, request, TEST) == (400, "P0105", None, text)
    check_payment(decode_payment_with_source("CARD_PAYMENT_LINK", "4242 4242 4242 4241"), TEST)
    check_payment(structs.replace(request, internal=None), TEST)


def decode_payment_with_source(source: Any, reference: str) -> PaymentRequest:
    from services.pay.requests.bodies import Internal

    return structs.replace(WEB, internal=Internal(source=source), reference=reference)


@pytest.mark.parametrize(
    "url",
    [
        "https://service.gov.uk",
        "https://service.gov.uk/a//b?c=d#e",
        "HTTPS://service.gov.uk:8443/%20",
        "http://localhost:3000/return",
        "http://machine/return",
        "https://a.internal/",
        "https://a.local/",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "https://münchen.de/",
        "https://xn--mnchen-3ya.de/",
        "https://a.uk/x/../y",
    ],
)
def test_addresses_that_a_payer_can_be_sent_to(url: str) -> None:
    assert is_return_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "service.gov.uk",
        "ftp://a.uk",
        "javascript:alert(1)",
        "https://",
        "https:///a",
        "https://a b.uk",
        "https://a.uk/a b",
        "https://a.uk:99999/",
        "https://-a.uk/",
        "https://a..uk/",
        "https://a.1uk/",
        "http://300.1.1.1/",
        "http://[::g]/",
        "https://a.uk/../b",
        "https://a.uk\n",
        "https://a.uk/<x>",
    ],
)
def test_addresses_that_lead_nowhere(url: str) -> None:
    assert not is_return_url(url)
