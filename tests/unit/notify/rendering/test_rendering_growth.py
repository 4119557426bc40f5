"""The work of rendering grows with the length of a template, whatever stands in it (up to 2,000,000 bytes)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from services.notify.rendering import compile_template, sanitise_personalisation, sms_fragments
from services.notify.rendering.neighbours import FIRST_MARK, cares_of
from services.notify.rendering.placeholders import key_of

HOSTILE = [  # before, again and again, after
    ("", "http://", ""),
    ("", "[a](", ""),
    ("", "[a](", "😀"),
    ("", "‹", ""),
    ("", "((v))x", ""),
    ("", "((v));", ""),
    ("", "<((v))", ""),
    ("", "((v))'@", ""),
    ("[a](x", ":((v))", ""),
    ("[a](", "x((v))", ")"),
    ("", "((v)) ", ""),
    ("", "((v))\n", ""),
    ("* ", "((v))-", ""),
    ("", "((v??x))", ""),
    ("", "\n", ""),
    ("* a", "\n", "x"),
    ("* a", "\n", "* b"),
    ("", " ", "x"),
    ("```", " ", "x y"),
    ("", "~", "`"),
    ("```\n", "~", "`"),
    ("<", ":", ""),
    ("<", "@", " "),
    ("", "<a:", ""),
    ("((", "a", ""),
    ("", "((a", ""),
    ("&#", "1", ""),
    ("&#", "1", ";"),
    ("", "[", ""),
    ("", "[a]", ""),
    ("[r]: b\n\n", "[[b](][r]", ""),
    ('[a](b "', "'", ")"),
    ("", "^* a\n", ""),
    ("", "1", "."),
    ("", "|a", ""),
    ("a|b\n-|-\n", "|", ""),
    ("", "a.", "@"),
    ("", "- ", "x"),
    ("", "=", "x"),
    ("a\n", "=", "x"),
    ("", "\\", ""),
    ("", "' ", ""),
]
SHORT = 4_000  # characters
TIMES = 8


def every_way(content: str) -> None:
    """Everything that an e-mail's template is made into, the first time (learning) and the second."""
    template = compile_template("email", "((v)) " + content, content + "\n\n((v)) ((w))")
    for values in ({"v": "yes", "w": "Amy"}, {"v": "a '* b", "w": "https://x.y"}):
        template.missing(values)
        template.api_subject(values)
        template.api_body(values)
        template.email_html(values)
        template.email_text(values)


def as_text_message(content: str) -> None:
    template = compile_template("sms", None, content)
    template.sms_text({"v": "yes"}, "Service")
    sms_fragments(template.sms_unsanitised({"v": "yes"}, "Service"))


def as_untrusted_value(content: str) -> None:
    sanitise_personalisation({"v": content, content: "x"}, ["v", content])


def seconds(work: Callable[[str], None], content: str) -> float:
    """Of this process alone: other programs do not count."""
    started = time.process_time()
    work(content)
    return time.process_time() - started


@pytest.mark.parametrize("work", [every_way, as_text_message, as_untrusted_value])
@pytest.mark.parametrize(("before", "unit", "after"), HOSTILE)
def test_hostile_templates_take_time_in_proportion_to_their_length(
    work: Callable[[str], None], before: str, unit: str, after: str
) -> None:
    short, long = (before + unit * (length // len(unit)) + after for length in (SHORT, SHORT * TIMES))
    base = min(seconds(work, short) for _ in range(2))
    # quadratic work would need 64 times as long; the best of three, as the machine may be busy
    assert any(seconds(work, long) < max(3 * TIMES * base, 0.1) for _ in range(3))


def marked(unit: str, length: int) -> str:
    return unit.replace("M", chr(FIRST_MARK)) * (length // len(unit))


@pytest.mark.parametrize(
    "unit", ["‹", "http://", "[a](", "\n", "Mx", "M'", "Mx ", "M\n", "[a](Mx", "-", "M-", "M@'", "::M"]
)
def test_looking_around_placeholders_takes_time_in_proportion_to_the_text(unit: str) -> None:
    def look(text: str) -> None:
        cares_of(text, 1, has_blocks=True)

    base = min(seconds(look, marked(unit, SHORT)) for _ in range(2))
    assert any(seconds(look, marked(unit, SHORT * TIMES)) < max(3 * TIMES * base, 0.05) for _ in range(3))


def test_one_long_address_with_many_short_links_does_not_make_gigabytes() -> None:
    address = "https://x.y/" + "a" * 50_000
    content = f"[r]: {address}\n\n" + "[r] " * 5_000
    template = compile_template("email", "s", content)
    assert len(template.email_html({})) < 20 * len(content)
    assert len(template.email_text({})) < 10 * len(content)


def test_everyday_references_are_all_followed() -> None:
    content = "[r]: https://x.y/apply\n\n" + "[here][r] " * 1_000
    assert compile_template("email", "s", content).email_text({}).count("https://x.y/apply") == 1_000


def test_a_character_reference_of_endless_digits_is_text() -> None:
    content = f"a&#{'1' * 5_000};"
    template = compile_template("email", "s", content)
    assert content in template.email_text({})
    assert content.replace("&", "&amp;") in template.email_html({})


def test_unclosed_targets_and_late_brackets_are_told_apart() -> None:
    far = "x" * 9_000
    text = compile_template("email", "s", f"[a](b) [c](d [e](f) [g]({far}) [h](i)").email_text({})
    assert text.startswith("a: b c: d [e](f [g](")
    assert text.endswith("h: i\n")


def test_a_blank_line_inside_an_item_makes_a_paragraph_but_one_behind_it_does_not() -> None:
    assert "<p" in compile_template("email", "s", "* a\n\n  b").email_html({})
    assert "<p" not in compile_template("email", "s", "* a\n* b\n\n\n\n\n").email_html({})


def test_long_names_are_the_same_in_any_spelling_and_are_not_remembered() -> None:
    assert key_of("A_" * 1_000) == key_of("a" * 1_000) == "a" * 1_000


def test_a_text_in_many_combinations_is_not_remembered_in_all_of_them() -> None:
    flags = [f"f{number}" for number in range(5)]
    content = "word " * 2_000 + " ".join(f"(({flag}??shown))" for flag in flags)
    template = compile_template("email", "s", content)
    for number in range(32):
        values: dict[str, Any] = {flag: "yes" if number >> at & 1 else "no" for at, flag in enumerate(flags)}
        shown = template.email_text(values)
        assert shown.count("shown") == number.bit_count()
    kept = [skeleton for plan in template._text_cut._plans.values() for skeleton in plan.skeletons.values()]
    assert 0 < sum(skeleton is not None for skeleton in kept) < 8


def test_a_long_or_finely_cut_template_weighs_more() -> None:
    everyday = compile_template("email", "s", "Hi ((name))").weight()
    assert compile_template("email", "s", "x" * 100_000).weight() > 100 * everyday
    assert compile_template("email", "s", "((a))" * 1_000).weight() > 50 * everyday
