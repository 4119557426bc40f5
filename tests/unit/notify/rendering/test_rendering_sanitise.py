"""`sanitise_content_for`: section 1.9 of the contract."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.rendering import compile_template, sanitise_personalisation


def sanitised(value: Any) -> Any:
    return sanitise_personalisation({"v": value}, ["v"])[0]["v"]


@pytest.mark.parametrize(
    ("written", "harmless"),
    [
        ("User, [click here](https://evil.link)", r"User, \[click here\]\(\)"),
        ("Amy Smith", "Amy Smith"),
        ("https://evil.link/path?x=1#y", ""),
        ("see evil.link/path now", "see  now"),
        ("Thanks.Bob", r"Thanks\. Bob"),
        ("www.evil.link", r"www\. evil\. link"),
        ("amy@example.com", r"amy@example\.com"),
        ("`*_()\\{}[]<>#+-.!|", "\\" + "\\".join("`*_()\\{}[]<>#+-.!|")),
        ("1. one\n# two", "1\\. one\n\\# two"),
    ],
)
def test_addresses_go_and_markdown_is_escaped(written: str, harmless: str) -> None:
    assert sanitised(written) == harmless


def test_only_the_named_values_change_and_only_changes_are_told() -> None:
    values = {"First Name": "*a*", "other": "*b*", "plain": "c", "number": 1.5, "files": {"file": "x.y"}}
    harmless, changed = sanitise_personalisation(values, ["first_name", "PLAIN", "number", "files", "absent"])
    assert harmless == {**values, "First Name": r"\*a\*"}
    assert changed == {"First Name": {"unsanitised": "*a*", "sanitised": r"\*a\*"}}
    assert values["First Name"] == "*a*"


def test_each_text_of_a_list_is_made_harmless() -> None:
    assert sanitised(["*a*", 1.5, None]) == [r"\*a\*", 1.5, None]


def test_nothing_named_means_nothing_changed() -> None:
    assert sanitise_personalisation({"v": "*"}, []) == ({"v": "*"}, {})


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab1*_#^[]()!<>|`-.~+\\&;:/\"' \n")) | st.characters(), max_size=60))
def test_a_sanitised_value_never_hides_an_address_behind_words(written: str) -> None:
    html = compile_template("email", "s", "Dear ((v)), hello").email_html({"v": sanitised(written)})
    # an address without a dot (https://localhost) is not found and may link itself: but never other words
    assert all(words.startswith(("http://", "https://")) for words in re.findall(r"<a [^>]*>(.*?)</a>", html))
    assert "<img" not in html


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab*_#[]()!|`-.+\\ ")), max_size=40))
def test_a_sanitised_value_on_one_line_is_shown_as_words_only(written: str) -> None:
    html = compile_template("email", "s", "Dear ((v)), hello").email_html({"v": sanitised(written)})
    assert re.findall(r"<(\w+)", html) == ["p"]
