"""Smoke recipients and the outcomes of test keys: contract 1.3."""

from __future__ import annotations

import pytest

from services.notify.recipients.errors import InvalidEmail, InvalidPhone
from services.notify.recipients.normal import Channel, normalise
from services.notify.recipients.simulated import is_smoke_recipient, outcome_with_test_key


@pytest.mark.parametrize(
    ("channel", "raw"),
    [
        ("sms", "07700 900000"),
        ("sms", "+44 7700 900 111"),
        ("sms", "07700900222"),
        ("email", "simulate-delivered@notifications.service.gov.uk"),
        ("email", "Simulate-Delivered-2@notifications.service.gov.uk "),
        ("email", "simulate-delivered-3@notifications.service.gov.uk"),
    ],
)
def test_smoke_recipient_is_known_in_any_spelling(channel: Channel, raw: str) -> None:
    assert is_smoke_recipient(normalise(channel, raw))


@pytest.mark.parametrize(("channel", "raw"), [("sms", "07700900333"), ("email", "simulate@example.com")])
def test_other_recipient_is_no_smoke_recipient(channel: Channel, raw: str) -> None:
    assert not is_smoke_recipient(normalise(channel, raw))


@pytest.mark.parametrize(
    ("channel", "raw", "status"),
    [
        ("sms", "07700900003", "temporary-failure"),
        ("sms", "07700900002", "permanent-failure"),
        ("sms", "07700900001", "delivered"),
        ("sms", "+33612345678", "delivered"),
        ("email", "temp-fail@simulator.notify", "temporary-failure"),
        ("email", "Perm-Fail@simulator.notify", "permanent-failure"),
        ("email", "amala@example.com", "delivered"),
    ],
)
def test_recipient_decides_the_outcome_with_a_test_key(channel: Channel, raw: str, status: str) -> None:
    assert outcome_with_test_key(channel, normalise(channel, raw)) == status


def test_spellings_of_one_recipient_compare_equal() -> None:
    assert normalise("sms", "07400 123456") == normalise("sms", "+447400123456") == "447400123456"
    assert normalise("email", "Amala@Example.com") == normalise("email", "amala@example.com")


def test_recipient_of_the_other_channel_is_refused() -> None:
    with pytest.raises(InvalidPhone):
        normalise("sms", "amala@example.com")
    with pytest.raises(InvalidEmail):
        normalise("email", "07400123456")
