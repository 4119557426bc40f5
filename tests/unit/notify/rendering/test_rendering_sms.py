"""Section 1.8 of the contract: what a text may hold and how many messages it makes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.rendering import compile_template, sanitise_sms, sms_fragments, sms_length


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("à" * 160, 1),
        ("à" * 161, 2),
        ("à" * 918, 6),
        ("ŵ" * 70, 1),
        ("ŵ" * 71, 2),
        ("ê" * 71, 2),
        ("^" * 80, 1),
        ("^" * 81, 2),
        ("🚀" * 160, 1),
        ("à" * 70 + "ÿ", 2),
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 81, 2),
        ("ŵ" * 134, 2),
        ("ŵ" * 135, 3),
    ],
)
def test_fragments_are_counted_as_the_contract_lists_them(text: str, fragments: int) -> None:
    assert sms_fragments(text) == fragments


@pytest.mark.parametrize("letter", list("ŵŷêâîôûáíóúẁÿẀỲÁÍÓÚẂÝËÏẄŸÂÊÎÔÛŴŶ"))
def test_a_welsh_letter_outside_gsm_makes_the_message_ucs2(letter: str) -> None:
    assert sanitise_sms(letter) == letter
    assert [sms_fragments("a" * 69 + letter), sms_fragments("a" * 70 + letter)] == [1, 2]


@pytest.mark.parametrize("letter", list("àèéìòùäöüÄÖÜñÑ£€"))
def test_a_gsm_letter_keeps_the_long_limit(letter: str) -> None:
    assert sms_fragments("a" * 100 + letter) == 1


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("a–b—c‑d−e", "a-b-c-d-e"),
        ("wait…", "wait..."),
        ("‘a’ ‚b’", "'a' 'b'"),
        ("“a” „b”", '"a" "b"'),
        ("a\u00a0b\u202fc\td", "a b c d"),
        ("g\u200bo\u200cv\u200d.\u2060u\ufeffk\u180e", "gov.uk"),
        ("a\u2028b\u2029c", "abc"),
        ("Łódź łąka", "Lódz laka"),
        ("çãőŝ", "caos"),
        ("ấ", "â"),
        ("日本 🚀", "?? ?"),
        ("^{}\\[~]|€", "^{}\\[~]|€"),
        ("hello , world .", "hello, world."),
        ("a \t.", "a."),
        ("  a   b  \n  c  ", "a b\nc"),
        ("a\r\nb", "a\nb"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("a\n \n \nb", "a\n\nb"),
        ("\n\na\n\n", "a"),
    ],
)
def test_characters_are_replaced_and_white_space_is_tidied(written: str, sent: str) -> None:
    assert sanitise_sms(written) == sent


def test_length_counts_utf16_units() -> None:
    assert [sms_length("a"), sms_length("ŵ"), sms_length("🚀")] == [1, 1, 2]


def test_the_prefix_is_sent_but_not_shown() -> None:
    template = compile_template("sms", None, "Hi ((name))")
    assert template.api_body({"name": "Amy"}) == "Hi Amy"
    assert template.sms_text({"name": "Amy"}, " Vehicle tax ") == "Vehicle tax: Hi Amy"
    assert template.sms_text({"name": "Amy"}, "") == template.sms_text({"name": "Amy"}, None) == "Hi Amy"
    assert template.api_subject({"name": "Amy"}) is None


def test_billed_fragments_include_the_prefix() -> None:
    template = compile_template("sms", None, "((text))")
    values = {"text": "a" * 155}
    assert sms_fragments(template.sms_unsanitised(values, None)) == 1
    assert sms_fragments(template.sms_unsanitised(values, "Notify")) == 2


@settings(deadline=None)
@given(st.text())
def test_sanitised_text_is_not_changed_again(text: str) -> None:
    once = sanitise_sms(text)
    assert sanitise_sms(once) == once


@settings(deadline=None)
@given(st.text(alphabet="aà^ŵ€ 🚀\n", max_size=200), st.text(alphabet="aà^ŵ€", max_size=200))
def test_more_text_never_makes_fewer_fragments(text: str, more: str) -> None:
    assert sms_fragments(text + more) >= sms_fragments(text)
