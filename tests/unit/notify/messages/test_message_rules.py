"""Pure rules of accepting: cost and sizes."""

from __future__ import annotations

from typing import Any

import pytest

from services.notify.errors import MessageTooLong
from services.notify.messages import rules


@pytest.mark.parametrize(
    ("status", "units", "expected"),
    [
        ("created", 0, ({}, None, False)),
        ("created", 1, ({"billable_sms_fragments": 1, "international_rate_multiplier": 2, "sms_rate": 0.0197}, 0.0394,
                        True)),
        ("sending", 3, ({"billable_sms_fragments": 3, "international_rate_multiplier": 2, "sms_rate": 0.0197}, 0.1182,
                        True)),
        ("technical-failure", 0, ({"billable_sms_fragments": 0, "international_rate_multiplier": 2,
                                   "sms_rate": 0.0197}, 0.0, True)),
    ],
)  # fmt: skip
def test_text_costs_units_times_multiplier_times_rate(status: str, units: int, expected: tuple[Any, ...]) -> None:
    assert rules.cost("sms", status, units, 2, 0.0197) == expected


@pytest.mark.parametrize("status", ["created", "delivered"])
def test_email_costs_nothing_and_that_is_known_at_once(status: str) -> None:
    assert rules.cost("email", status, 0, 1, 0.02) == ({}, 0.0, True)


def test_email_is_measured_in_bytes() -> None:
    rules.check_email_size("é" * 1_000_000, "Subject")
    with pytest.raises(MessageTooLong, match="2000002 bytes"):
        rules.check_email_size("é" * 1_000_001, "Subject")


def test_what_would_fill_memory_is_refused_before_it_is_filled() -> None:
    big, small = "x" * 1_000_000, "((a)) ((b))" * 1_000
    rules.check_filling("((A)) once, ((b)) " * 3, {"a": big, "b": "y"})
    rules.check_filling(small, {"a": "y", "b": 5, "unused": big})
    with pytest.raises(MessageTooLong, match="Emails cannot be longer than 2000000 bytes"):
        rules.check_filling(small, {"a": big, "b": "y"})


def test_text_is_measured_in_units() -> None:
    rules.check_text_length(918)
    with pytest.raises(MessageTooLong, match="919 characters"):
        rules.check_text_length(919)
