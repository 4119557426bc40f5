"""Sums, refunds, cards, times and what people typed (contract sections 1.4 to 1.7 and 2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pay.errors import PayRefusal
from services.pay.payments import rules
from services.pay.payments.cards import LABELS, Brand, brand_of, can_retry, kind_of, surcharge_minor
from services.pay.payments.states import EXPIRABLE, State, external
from services.pay.public_ids import is_public_id, new_public_id
from services.pay.refunds.rules import check_refund

BORN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_totals() -> None:
    assert rules.total_minor(14500, 250) == 14750
    assert rules.net_minor(14500, 250, 200, is_taken=True) == 14550
    assert rules.net_minor(14500, 250, 25, is_taken=False) == -25


@pytest.mark.parametrize("state", get_args(State))
def test_refund_status_follows_the_state(state: str) -> None:
    status = rules.refund_status(state, available_minor=100)
    shown = external(state)
    if state == "captured":
        assert status == "available"
        assert rules.refund_status(state, available_minor=0) == "full"
    elif shown.status == "success" or not shown.finished:
        assert status == "pending"
    else:
        assert status == "unavailable"
    assert rules.refund_status(state, available_minor=100, is_disputed=True) == "unavailable"


UNAVAILABLE = "The payment is not available for refund. Payment refund status:"
REFUND: dict[str, Any] = {
    "status": "available",
    "available_minor": 1000,
    "expected_minor": None,
    "is_disputed": False,
}


@pytest.mark.parametrize(
    ("amount", "changes", "status", "code", "text"),
    [
        (
            1001,
            {},
            400,
            "P0603",
            "The payment is not available for refund. Payment refund status: amount_not_available",
        ),
        (1, {"status": "full"}, 400, "P0603", "The payment is not available for refund. Payment refund status: full"),
        (
            1,
            {"status": "pending", "expected_minor": 5},
            400,
            "P0603",
            f"{UNAVAILABLE} pending",
        ),
        (1001, {"expected_minor": 999}, 412, "P0604", "Refund amount available mismatch."),
        (
            1,
            {"is_disputed": True, "status": "unavailable"},
            400,
            "P0603",
            "The payment is disputed and cannot be refunded",
        ),
    ],
)
def test_refund_that_cannot_be_made_is_refused(
    amount: int, changes: dict[str, Any], status: int, code: str, text: str
) -> None:
    with pytest.raises(PayRefusal) as caught:
        check_refund(amount, **{**REFUND, **changes})
    assert (caught.value.status, caught.value.code, caught.value.detail) == (status, code, text)


def test_refund_of_all_that_is_left_is_made() -> None:
    check_refund(1000, **REFUND)
    check_refund(1000, **{**REFUND, "expected_minor": 1000})


# times ----------------------------------------------------------------------


def test_payments_expire_after_90_minutes_and_captures_after_5_days() -> None:
    for state in get_args(State):
        at = rules.expires_at(state, BORN)
        if state == "capturable":
            assert at == BORN + timedelta(days=5)
        elif state in EXPIRABLE:
            assert at == BORN + timedelta(minutes=90)
        else:
            assert at is None


def test_payment_that_moved_just_now_is_left_alone() -> None:
    now = BORN + timedelta(minutes=90)

    def is_due(updated_at: datetime, now: datetime = now) -> bool:
        return rules.is_expiry_due("started", created_at=BORN, updated_at=updated_at, now=now)

    assert is_due(BORN)
    assert is_due(now - timedelta(seconds=300))
    assert not is_due(now - timedelta(seconds=299))
    assert not is_due(BORN, now - timedelta(seconds=1))
    assert not rules.is_expiry_due("captured", created_at=BORN, updated_at=BORN, now=now)


def test_card_pays_until_the_last_day_of_its_month() -> None:
    assert rules.read_expiry("11/26") == (2026, 11)
    assert rules.read_expiry("13/26") is None
    assert not rules.is_past_expiry(2026, 11, date(2026, 11, 30))
    assert rules.is_past_expiry(2026, 11, date(2026, 12, 1))
    rules.check_expiry("11/26", date(2026, 11, 30))
    with pytest.raises(PayRefusal) as caught:
        rules.check_expiry("10/26", date(2026, 11, 1))
    text = "Invalid attribute value: expiry_date. Must be a valid date in the future"
    assert (caught.value.status, caught.value.code, caught.value.detail) == (422, "P0102", text)


# cards ----------------------------------------------------------------------

CARDS: list[tuple[str, str, str]] = [
    ("4444333322221111", "visa", "credit"),
    ("4242424242424242", "visa", "credit"),
    ("4917610000000000003", "visa", "debit"),
    ("4000056655665556", "visa", "debit"),
    ("371449635398431", "american-express", "credit"),
    ("3566002020360505", "jcb", "credit"),
    ("6011000990139424", "discover", "credit"),
    ("36148900647913", "diners-club", "credit"),
    ("5105105105105100", "master-card", "debit"),
    ("4988080000000000", "visa", "credit"),
    ("5101180000000007", "master-card", "debit"),
    ("5200828282828210", "master-card", "debit"),
    ("6759649826438453", "maestro", "debit"),
    ("4000000000000002", "visa", "credit"),
]


@pytest.mark.parametrize(("number", "brand", "kind"), CARDS)
def test_test_cards_are_known_by_their_number(number: str, brand: str, kind: str) -> None:
    known = kind_of(number)
    assert known is not None
    assert (known.brand, known.type) == (brand, kind)
    assert rules.is_card_number(number)


def test_every_brand_has_a_name_for_the_wire() -> None:
    assert set(LABELS) == set(get_args(Brand))
    assert (LABELS["visa"], LABELS["master-card"]) == ("Visa", "Mastercard")


@pytest.mark.parametrize("number", ["0000000000000000", "9999999999999995", "1234"])
def test_number_of_no_brand_is_of_no_kind(number: str) -> None:
    assert brand_of(number) is None
    assert kind_of(number) is None


def test_surcharge_is_for_corporate_cards() -> None:
    rates = {"credit_minor": 250, "debit_minor": 50, "prepaid_debit_minor": 20}
    charged = {
        number: surcharge_minor(kind, **rates)
        for number in ("4242424242424242", "4988080000000000", "5101180000000007", "4131840000000003")
        if (kind := kind_of(number))
    }
    assert list(charged.values()) == [0, 250, 50, 20]


@given(st.text("0123456789", min_size=11, max_size=18))
def test_luhn_takes_one_check_digit_of_ten_and_sees_any_single_slip(digits: str) -> None:
    right = [check for check in "0123456789" if rules.passes_luhn(digits + check)]
    assert len(right) == 1
    number = digits + right[0]
    for place, digit in enumerate(number):
        other = str((int(digit) + 1) % 10)
        assert not rules.passes_luhn(number[:place] + other + number[place + 1 :])


def test_card_numbers_in_the_wrong_box_are_noticed() -> None:
    assert rules.looks_like_card_number("4242 4242 4242 4242")
    assert rules.looks_like_card_number("Flat 424242424242")
    assert not rules.looks_like_card_number("Flat 12345678901")
    assert rules.looks_like_security_code(" 123 ")
    assert rules.looks_like_security_code("1234")
    assert not rules.looks_like_security_code("12345")
    assert not rules.looks_like_security_code("J 123")
    assert rules.holds_card_number("4242-4242-4242-4242")
    assert not rules.holds_card_number("REF 4242424242424242")


@pytest.mark.parametrize("text", ["SW1A 1AA", "m1 1ae", "CR26XH", "DN55 1PT", "EC1A1BB", "GIR 0AA", "W1A 0AX"])
def test_whole_uk_postcodes(text: str) -> None:
    assert rules.is_uk_postcode(text)


@pytest.mark.parametrize("text", ["", "SW1A", "SW1A 1A", "QQ1 1AA", "12345", "SW1A 1CI", "SW1A 1AA1"])
def test_what_is_no_whole_uk_postcode(text: str) -> None:
    assert not rules.is_uk_postcode(text)


def test_recurring_payment_is_not_tried_again_with_a_card_that_is_gone() -> None:
    assert not can_retry("stolen_card")
    assert not can_retry("authentication_required")
    assert can_retry("insufficient_funds")
    assert can_retry("uncategorised")


# identifiers ----------------------------------------------------------------


def test_public_identifiers_are_26_characters_of_base_32_and_never_meet() -> None:
    made = [new_public_id() for _ in range(3_000)]
    assert len(set(made)) == len(made)
    assert all(is_public_id(text) for text in made)
    # every character comes up at every place, about as often as any other
    for place in (0, 13, 25):
        counts = [sum(text[place] == c for text in made) for c in "0123456789abcdefghijklmnopqrstuv"]
        assert 30 < min(counts) <= max(counts) < 180
    assert not is_public_id("w" * 26)
    assert not is_public_id("a" * 25)
    assert not is_public_id("A" * 26)
