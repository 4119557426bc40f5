"""A member's address must compare equal to the recipient of a message: the sending component's own rules decide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Conflict, InvalidInput
from common.tenancy.contacts import read_contact
from common.tenancy.states import MOVES, check_move
from services.notify.recipients.errors import InvalidEmail, InvalidPhone
from services.notify.recipients.normal import normalise

EMAILS = [
    "amal@example.gov",
    " Amal.O'Neil+tag@EXAMPLE.gov.uk ",
    "a\u200bmal@example.gov\ufeff",
    "amal@bücher.example",
    "amal@xn--bcher-kva.example",
    "a--b@c--d.example",
    "amal@BÜCHER.example",
]
PHONES = [
    "07700900123",
    "07700 900 123",
    "+44 7700 900123",
    "0044 7700 900123",
    "447700900123",
    "(07700) 900-123",
    "+44 (0)7911 123456",
    "020 7946 0018",
    "+1 202 555 0172",
    "1-202-555-0172",
    "+353 85 123 4567",
    "353851234567",
    "+49 151 23456789",
    "07797 712345",
]


@pytest.mark.parametrize("raw", EMAILS)
def test_email_is_normalised_as_messages_are(raw: str) -> None:
    assert read_contact(raw).email == normalise("email", raw)


@pytest.mark.parametrize("raw", PHONES)
def test_phone_is_normalised_as_messages_are(raw: str) -> None:
    assert read_contact("a@example.gov", raw).phone == normalise("sms", raw)


local = st.text("abcXYZ019.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
label = st.text("abcXYZ019-", min_size=1, max_size=10)
emails = st.builds(lambda name, labels, top: f"{name}@{'.'.join([*labels, top])}", local, st.lists(label), label)


@given(emails | st.text(max_size=30))
def test_every_address_that_messages_take_is_taken_and_equal(raw: str) -> None:
    try:
        wanted = normalise("email", raw)
    except InvalidEmail:
        with pytest.raises(InvalidInput):
            read_contact(raw)
    else:
        assert read_contact(raw).email == wanted


dialled = st.text("0123456789 +()-", min_size=1, max_size=16)
numbers = st.sampled_from(["07", "447", "+447", "00447", "0", "+1", "1", "+353", "+33", "33"]).flatmap(
    lambda start: st.text("0123456789", min_size=7, max_size=11).map(lambda rest: start + rest)
)


@given(numbers | dialled)
def test_every_number_that_messages_take_is_taken_and_equal(raw: str) -> None:
    try:
        wanted = normalise("sms", raw)
    except InvalidPhone:
        return
    assert read_contact("a@example.gov", raw).phone == wanted


@pytest.mark.parametrize("email", ["", "a", "a@b", "a@b..gov", "a b@c.gov", "@c.gov", "a@-c.gov", "a@c.gov,b@c.gov"])
@pytest.mark.parametrize("phone", ["12", "none", "+44 7700 900", "0" * 30])
def test_both_faults_are_named_and_nothing_repeated(email: str, phone: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_contact(email, phone)
    assert [fault["field"] for fault in caught.value.faults] == ["email", "phone_number"]


def test_region_decides_what_a_national_number_means() -> None:
    assert read_contact("a@example.gov", "085 123 4567", region="IE").phone == "353851234567"
    assert read_contact("a@example.gov", "  ").phone is None


def test_archived_service_goes_nowhere_and_every_move_leads_to_a_state() -> None:
    assert not MOVES["archived"]
    for before, moves in MOVES.items():
        assert moves <= MOVES.keys()
        assert before not in moves
        for after in MOVES:
            if after in moves:
                check_move(before, after)
            else:
                with pytest.raises(Conflict):
                    check_move(before, after)
