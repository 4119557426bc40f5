"""Search parameters, pages and links (contract section 1.9)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pay.errors import PayRefusal
from services.pay.requests import paging
from services.pay.requests.moments import read_moment
from services.pay.requests.paging import Window, cursor_of, is_beyond, navigation, read_cursor
from services.pay.requests.search import (
    read_agreement_search,
    read_dispute_search,
    read_payment_search,
    read_refund_search,
)

ROW = UUID("018f0000-0000-7000-8000-000000000001")


def refusal(read: Any, *params: tuple[str, str]) -> tuple[int, str | None, str]:
    with pytest.raises(PayRefusal) as caught:
        read(list(params))
    return caught.value.status, caught.value.code, caught.value.detail


def invalid(names: str) -> str:
    return f"Invalid parameters: {names}. See Public API documentation for the correct data formats"


def test_whole_search_of_payments_is_read() -> None:
    params = {
        "reference": "R1",
        "email": "a@example.org",
        "state": "success",
        "card_brand": "Visa,master-card",
        "cardholder_name": "Doe",
        "first_digits_card_number": "424242",
        "last_digits_card_number": "4242",
        "from_date": "2026-11-01T00:00:00+01:00",
        "to_date": "2026-11-02T00:00Z",
        "from_settled_date": "2026-11-03",
        "to_settled_date": "2026-11-04",
        "agreement_id": "abcdefghijklmnopqrstuv0123",
        "page": "2",
        "display_size": "20",
        "unknown": "x",
    }
    read = read_payment_search(list(params.items()))
    assert read.card_brands == ("visa", "master-card")
    assert (read.from_date, read.to_date) == (
        datetime(2026, 10, 31, 23, tzinfo=UTC),
        datetime(2026, 11, 2, tzinfo=UTC),
    )
    assert (read.from_settled_date, read.to_settled_date) == (date(2026, 11, 3), date(2026, 11, 4))
    assert (read.reference, read.email, read.state, read.cardholder_name) == (
        "R1",
        "a@example.org",
        "success",
        "Doe",
    )
    assert read.window == Window(page=2, size=20)
    assert read.window.offset == 20
    assert set(read.asked) == set(params) - {"page", "display_size", "unknown"}


def test_blank_parameters_count_as_not_sent_and_the_first_of_many_counts() -> None:
    assert read_payment_search([("state", ""), ("email", " "), ("page", "")]) == read_payment_search([])
    assert read_payment_search([("reference", "a"), ("reference", "b")]).reference == "a"
    assert read_payment_search([]).window == Window(page=1, size=500)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "bogus"),
        ("state", "Success"),
        ("reference", "r" * 256),
        ("email", "e" * 255),
        ("card_brand", "b" * 21),
        ("from_date", "2026-11-01"),
        ("from_date", "2026-11-01T00:00:00"),
        ("to_date", "2026-13-01T00:00:00Z"),
        ("from_settled_date", "2026-11-01T00:00:00Z"),
        ("to_settled_date", "20261101"),
        ("page", "0"),
        ("page", "-1"),
        ("page", "x"),
        ("page", "9999999999"),
        ("display_size", "501"),
        ("display_size", "0"),
        ("first_digits_card_number", "12345"),
        ("last_digits_card_number", "12a4"),
        ("agreement_id", "a" * 27),
        ("reference", "\0"),
        ("cursor", "?"),
    ],
)
def test_wrong_parameter_is_422_and_named(name: str, value: str) -> None:
    assert refusal(read_payment_search, (name, value)) == (422, "P0401", invalid(name))


def test_all_wrong_names_are_joined_in_the_contracts_order() -> None:
    told = refusal(read_payment_search, ("display_size", "501"), ("state", "bogus"))
    assert told == (422, "P0401", invalid("state, display_size"))


def test_capturable_can_be_searched() -> None:
    assert read_payment_search([("state", "capturable")]).state == "capturable"


def test_other_searches_have_their_own_codes_and_parameters() -> None:
    assert refusal(read_refund_search, ("from_date", "x"), ("page", "0")) == (
        422,
        "P1101",
        invalid("from_date, page"),
    )
    assert read_refund_search([("status", "won")]) == read_refund_search([])
    assert refusal(read_dispute_search, ("status", "bogus")) == (422, "P0401", invalid("status"))
    assert read_dispute_search([("status", "under_review")]).status == "under_review"
    assert refusal(read_agreement_search, ("status", "bogus")) == (422, "P2401", invalid("status"))
    assert read_agreement_search([("status", "active"), ("reference", "r")]).status == "active"


def test_search_of_agreements_knows_its_parameters() -> None:
    assert refusal(read_agreement_search, ("email", "a"), ("state", "b")) == (400, "P2401", invalid("email"))
    assert read_agreement_search([("email", "")]) == read_agreement_search([])
    # what is known and wrong comes first
    assert refusal(read_agreement_search, ("email", "a"), ("page", "0"))[0] == 422


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2015-08-13T12:35:00Z", datetime(2015, 8, 13, 12, 35, tzinfo=UTC)),
        ("2015-08-13T12:35Z", datetime(2015, 8, 13, 12, 35, tzinfo=UTC)),
        ("2015-08-13t12:35:00.123456789z", datetime(2015, 8, 13, 12, 35, 0, 123456, tzinfo=UTC)),
        ("2015-08-13T12:35:00+01:00[Europe/London]", datetime(2015, 8, 13, 11, 35, tzinfo=UTC)),
        ("2015-08-13 12:35:00Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("2015-02-30T00:00:00Z", None),
    ],
)
def test_moments_are_read_in_utc(text: str, moment: datetime | None) -> None:
    assert read_moment(text) == moment


# pages ----------------------------------------------------------------------


def links(page: int, total: int, size: int = 20, **asked: str) -> Any:
    return msgspec.json.decode(
        msgspec.json.encode(navigation("https://p/v1/payments", asked, Window(page=page, size=size), total))
    )


def test_links_of_a_page_in_the_middle() -> None:
    base = "https://p/v1/payments?email=a%40b.c&page={}&display_size=20"
    assert links(2, 100, email="a@b.c") == {
        "self": {"href": base.format(2)},
        "first_page": {"href": base.format(1)},
        "last_page": {"href": base.format(5)},
        "prev_page": {"href": base.format(1)},
        "next_page": {"href": base.format(3)},
    }


def test_first_page_has_none_before_and_last_page_none_after() -> None:
    assert "prev_page" not in links(1, 100)
    assert "next_page" in links(1, 100)
    assert "next_page" not in links(5, 100)
    assert set(links(1, 0)) == {"self", "first_page", "last_page"}


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_last_page_holds_the_last_row(total: int, size: int) -> None:
    last = paging.last_page(total, size)
    assert (last - 1) * size < max(total, 1) <= last * size
    assert not is_beyond(Window(page=last, size=size), total)
    assert is_beyond(Window(page=last + 1, size=size), total) == (total > 0)


def test_cursor_names_a_row_and_nothing_else() -> None:
    row = uuid4()
    assert read_cursor(cursor_of(row)) == row
    assert read_payment_search([("cursor", cursor_of(ROW))]).window.after == ROW
    for text in ("", "x", cursor_of(row) + "=", cursor_of(row) + "A", cursor_of(row)[:-1], "é" * 22):
        assert read_cursor(text) is None
