"""Limits of a service and what may be the sender of a text (contract 1.7 and section 2)."""

from __future__ import annotations

import pytest

from services.notify.configuration.rules import SenderFault, Settings, clean_sms_sender, email_local_part, limits_for


@pytest.mark.parametrize(
    ("rate", "burst"),
    [(None, 1000), (3000, 1000), (2997, 1000), (2994, 999), (60, 21), (1, 2), (3001, 1002), (6000, 2001)],
)
def test_the_burst_follows_from_the_rate(rate: int | None, burst: int) -> None:
    assert limits_for("live", Settings(rate_limit_per_minute=rate)).burst == burst


def test_a_service_in_trial_has_fifty_a_day_but_for_its_test_keys() -> None:
    trial = limits_for("trial", Settings())
    assert (trial.daily("email"), trial.daily("sms")) == (50, 50)
    live = limits_for("live", Settings())
    assert (live.daily("email"), live.daily("sms"), live.daily_international_sms) == (250_000, 250_000, 100)
    assert limits_for("trial", Settings(), key_type="test") == live
    assert limits_for("trial", Settings(), key_type="team") == trial


def test_a_limit_that_was_set_wins_also_when_it_is_nought() -> None:
    limits = limits_for("trial", Settings(daily_email=0, daily_sms=7, daily_international_sms=1), key_type="test")
    assert (limits.daily_email, limits.daily_sms, limits.daily_international_sms) == (0, 7, 1)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("GOVUK", "GOVUK"), (" My Dept ", "My Dept"), ("A&B-c_d.e", "A&B-c_d.e"), ("12345678901", "12345678901"),
        ("60006", "60006"), ("07700 900111", "447700900111"), ("+44 7700 900 111", "447700900111"),
        ("00447700900111", "447700900111"), ("abc", "abc"),
    ],
)  # fmt: skip
def test_a_sender_is_a_name_or_a_number(written: str, kept: str) -> None:
    assert clean_sms_sender(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ab",
        "  a  ",
        "TwelveLetter",
        "Dépt",
        "a!b",
        "00123",
        "Alert",
        "INFO",
        "verify",
        "...",
        "a\nb",
        "a\0bc",
        "MyDept\n\nX",
    ],
)
def test_a_sender_that_says_nothing_or_cannot_be_shown_is_refused(written: str) -> None:
    with pytest.raises(SenderFault):
        clean_sms_sender(written)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Apply for a Licence", "apply.for.a.licence"), ("Sam's Café & Söhne", "sams.cafe.sohne"), ("日本", "service"),
        ("x " * 60, ("x." * 32)[:63]), ("A--B", "a.b"),
    ],
)  # fmt: skip
def test_a_local_part_is_made_from_the_services_name(name: str, part: str) -> None:
    assert email_local_part(name) == part
