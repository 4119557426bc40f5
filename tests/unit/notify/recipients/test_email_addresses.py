"""E-mail addresses: contract 1.3 (comparison), 1.6 (text), 1.7 (length)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.recipients.email import normalise_any_email, normalise_email
from services.notify.recipients.errors import InvalidEmail


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Amala.Okafor@Example.GOV.UK", "amala.okafor@example.gov.uk"),
        (" amala@example.com\n", "amala@example.com"),
        ("\ufeffamala@\u200bexample.com\u2060", "amala@example.com"),
        ("o'neill+tag@example.com", "o'neill+tag@example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("1234567890@123.example", "1234567890@123.example"),
        ("jane@a-b--c.example", "jane@a-b--c.example"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@例え.テスト", "info@xn--r8jz45g.xn--zckzah"),
        ("info@xn--r8jz45g.xn--zckzah", "info@xn--r8jz45g.xn--zckzah"),
        ("a@" + "b" * 63 + ".example", "a@" + "b" * 63 + ".example"),
        ("a" * 308 + "@example.com", "a" * 308 + "@example.com"),
    ],
)
def test_address_is_given_in_its_normal_form(raw: str, normal: str) -> None:
    assert normalise_email(raw) == normal


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "plain",
        "@example.com",
        "jane@",
        "jane@example",
        "jane@@example.com",
        "jane@one@example.com",
        "two..dots@example.com",
        "jane@example..com",
        "jane@.example.com",
        "jane@example.com.",
        "jane@-example.com",
        "jane@example-.com",
        "jane@exam---ple.com",
        "jane@xn---bcher.com",
        "jane@exam_ple.com",
        "jane@example.c",
        "jane@example.123",
        "jane@192.0.2.1",
        "jane@[192.0.2.1]",
        "jane doe@example.com",
        "jane@exam ple.com",
        '"jane"@example.com',
        'ja"ne@example.com',
        "jane,joe@example.com",
        "jane;joe@example.com",
        "jane(doe)@example.com",
        "Jane <jane@example.com>",
        "jané@example.com",
        "jane\0@example.com",
        "jane@example.com\r\nBcc: joe@example.com",
        "a@" + "b" * 64 + ".example",
        "a@" + ".".join(["b" * 60] * 5) + ".example",
        "a" * 309 + "@example.com",
    ],
)
def test_address_is_refused_with_the_contracts_text(raw: str) -> None:
    with pytest.raises(InvalidEmail) as refusal:
        normalise_email(raw)
    assert refusal.value.messages == ["Not a valid email address"]


def outcome(raw: str, *, fast: bool) -> str | None:
    try:
        return normalise_email(raw) if fast else normalise_any_email(raw)
    except InvalidEmail:
        return None


addresses = st.from_regex(r"[a-zA-Z0-9.'+_-]{1,9}@[a-zA-Z0-9.-]{1,12}\.[a-zA-Z]{1,4}", fullmatch=True)


@settings(max_examples=400, deadline=None)
@given(addresses | st.emails() | st.text("aZ9.@-_'\" \u200bé", max_size=80) | st.text(max_size=40))
def test_fast_path_agrees_with_the_rules(raw: str) -> None:
    assert outcome(raw, fast=True) == outcome(raw, fast=False)


@settings(max_examples=300, deadline=None)
@given(addresses | st.emails() | st.builds("{}@{}.com".format, st.text("ab.", max_size=4), st.text(max_size=8)))
def test_normalising_twice_changes_nothing(raw: str) -> None:
    once = outcome(raw, fast=True)
    if once is not None:
        assert outcome(once, fast=True) == once
