"""What holds for every template and every value."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.rendering import CompiledTemplate, compile_template, sanitise_sms, with_prefix
from services.notify.rendering.email import plain_of, subject_of
from services.notify.rendering.placeholders import as_bullets, as_sentence, resolve

MARKUP = st.sampled_from(list("*-•#^[]()!<>|`~_.,:;/\\&\"'@ \n=?"))
LITERALS = st.sampled_from(
    [
        "a",
        "word",
        " ",
        "\n",
        "\n\n",
        "* ",
        "1",
        "- ",
        "# ",
        "^",
        "[t](",
        "](",
        "[",
        "]",
        ")",
        "https://x.y/",
        "https://",
        "?a=",
        "&b=",
        "://",
        "GOV.",
        ".UK",
        "gov.uk",
        '"',
        "'",
        "“",
        " - ",
        ".",
        " .",
        ",",
        ";",
        "&",
        "<",
        ">",
        "@",
        "s",
        "80s",
        "|",
        "\n---\n",
        "    ",
        "```",
        "tel:",
        "]: ",
        "\\",
        "/",
        "=",
        "http",
    ]
)
PLACEHOLDERS = st.sampled_from(["((a))", "((b))", "((c))", "((f??shown))", "((f??gov.))"])
TEMPLATES = st.lists(LITERALS | PLACEHOLDERS | PLACEHOLDERS, min_size=1, max_size=9).map("".join)
TAME = st.sampled_from(
    [
        "Amy",
        "Amy Smith",
        "12345",
        "1.5",
        "AB-12-x",
        "a@b.co",
        "£12.50",
        "London, UK",
        "12:30",
        "s",
        "GOV",
        "UK",
        "é",
        "k",
        "https://ex.org/p?x=1&y=2+%20~z",
        "http://a.io/",
        "https",
        "amp",
        "lt",
        "copy",
        "x. y",
        "ex.org/x",
        "a-b",
        "h",
        "日本",
        "²",
    ]
)
WILD = st.text(MARKUP | st.characters(), max_size=12) | st.integers() | st.floats() | st.booleans() | st.none()
VALUES: st.SearchStrategy[Any] = TAME | TAME | WILD | st.lists(TAME | WILD, max_size=3)
PERSONALISATIONS = st.fixed_dictionaries(
    {"a": VALUES, "b": VALUES, "c": VALUES, "f": st.sampled_from(["yes", "no", 1])}
)


def every_rendering(template: CompiledTemplate, values: dict[str, Any]) -> dict[str, str | None]:
    return {
        "subject": template.api_subject(values),
        "html": template.email_html(values),
        "text": template.email_text(values),
        "sms": template.sms_text(values, None),
        "prefixed": template.sms_text(values, "Service"),
    }


def the_long_way(template: CompiledTemplate, personalisation: dict[str, Any]) -> dict[str, str | None]:
    values = resolve(template.placeholders, personalisation)
    text = template._body.fill(values, as_sentence)
    return {
        "subject": subject_of(template._subject_parts.fill(values, as_sentence)),
        "html": template._long_html(values),
        "text": plain_of(template._body.fill(values, as_bullets)),
        "sms": sanitise_sms(text),
        "prefixed": sanitise_sms(with_prefix(text, "Service")),
    }


@settings(deadline=None, max_examples=250)
@given(TEMPLATES, st.lists(PERSONALISATIONS, min_size=1, max_size=4))
def test_the_short_cut_gives_what_the_long_way_gives(content: str, messages: list[dict[str, Any]]) -> None:
    # one compiled template for several messages: what it learnt from one must hold for the next
    email = compile_template("email", content, content)
    text = compile_template("sms", None, content)
    for values in messages:
        long_way = the_long_way(email, values)
        assert every_rendering(email, values) == long_way
        assert text.api_body(values) == long_way["sms"]


@pytest.mark.parametrize(
    ("content", "first", "then"),
    [
        ("https://x.y/((a))", "A-1", "Amy Smith"),
        ("https://((a))", "ab", "h"),
        ("((a))[((b))", "https://x.y", "x. y"),
        ("[t](x((a)))", "12", "1 2"),
        ("[t](((a)))", "https://x.y", "tel:1"),
        ("[t](a  ((a)))", "Amy", "Amy Smith"),
        ("[t](te((a)):1)", "x", "l"),
        ("'((a))@x", "Amy", "Amy Smith"),
        ("'* .x=((a))", "Amy", "a@b.c"),
        ("((a))'80((b))", "Amy", "sure"),
        ("((a))'80s", "Amy", "http://a.b/"),
        ("'((a))", "Amy", "80s"),
        ("((a))", "12", "1. y"),
        ("* ((a))", "12", "1.5"),
        ("((a)). x", "Amy", "12"),
        ("1((a)). x", "Amy", "12"),
        ("((a)).UK", "x", "GOV"),
        ("gov.((a))", "x", "uk"),
        ("a ((a))", "x", "gov.uk"),
        ("((a))://x.y", "x", "https"),
        ("&((a));", "x", "lt"),
        ("<((a))>", "x", "a@b.c"),
        ("[r][k]\n\n[k]: ((a))", "x", "Amy Smith"),
        ("((a)) x", "Amy", "https://x.y/?a&b"),
        ("x ((a))'s", "12", "https://x.y/="),
    ],
)
def test_what_was_learnt_from_one_value_is_not_used_for_another_that_reads_differently(
    content: str, first: str, then: str
) -> None:
    template = compile_template("email", content, content)
    for value in (first, then, first):
        values = {"a": value, "b": value}
        assert every_rendering(template, values) == the_long_way(template, values)


def test_the_short_cut_is_taken_for_everyday_values() -> None:
    template = compile_template("email", "Your ((thing))", "Hi ((name)), it's:\n\n((url))\n\n[x](https://a.b/((ref)))")
    values = resolve(template.placeholders, {"thing": "tax", "name": "Amy Li", "url": "https://a.b/?c&d", "ref": "A-1"})
    for cut in (template._subject_cut, template._html_cut, template._text_cut):
        assert cut.fill(values) is not None
    assert compile_template("sms", None, "Hi ((name))’s")._sms_cut("Gov").fill(["Amy Li"]) == "Gov: Hi Amy Li's"


@settings(deadline=None)
@given(st.text(MARKUP | st.characters(), max_size=40), st.text(st.characters(), max_size=20))
def test_rendering_never_fails_whatever_the_text(value: str, other: str) -> None:
    template = compile_template("email", "((a))", "Hi ((a))\n\n[((b))](((a)))\n\n((a))((b))\n* ((b))")
    assert all(isinstance(shown, str) for shown in every_rendering(template, {"a": value, "b": other}).values())


@settings(deadline=None)
@given(st.text(MARKUP | st.characters(), max_size=60))
def test_rendering_never_fails_whatever_the_template(content: str) -> None:
    every_rendering(compile_template("email", content, content), {"a": "1"})


@settings(deadline=None)
@given(st.sampled_from(["((b))", "((a))", "((c??x))", "(((b)))"]), st.text(MARKUP, max_size=10))
def test_placeholders_in_values_are_never_filled(inner: str, around: str) -> None:
    template = compile_template("email", "((a))", "x ((a)) y")
    shown = every_rendering(template, {"a": f"{around}{inner}", "b": "SECRET", "c": "yes"})
    assert not any("SECRET" in text for text in shown.values() if text)


class Inspected(HTMLParser):
    """Fails on a tag or an attribute that rendering never writes."""

    ALLOWED: ClassVar[dict[str, set[str]]] = {
        **{tag: {"style"} for tag in ("p", "h2", "h3", "ul", "ol", "li", "td", "hr", "blockquote")},
        "br": set(),
        "tr": set(),
        "table": {"style", "role"},
        "a": {"style", "href", "title"},
    }

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        assert names <= self.ALLOWED[tag], (tag, attrs)
        if tag == "a":
            href = (dict(attrs)["href"] or "").lower()
            assert href.startswith(("http:", "https:", "mailto:", "tel:", "ftp:", "file:")), href


ATTACKS = st.sampled_from(
    [
        "<script>",
        '" onclick="x',
        "' x='",
        "javascript:alert(1)",
        "](javascript:x)",
        '[a](b "c" onx="d")',
        "<img src=x>",
        "&lt;script&gt;",
        "&#60;b&#62;",
        "http://a\"b'c",
        "<https://a b>",
        "[r]: javascript:x",
        "data:text/html,<b>",
        'http://a.b/"onload=',
        "&quot;",
        "&amp;lt;",
        "<!--",
        "\\<b>",
        "</p>",
    ]
)


@settings(deadline=None, max_examples=250)
@given(st.lists(ATTACKS | st.text(MARKUP, max_size=6), max_size=6).map("".join), st.text(MARKUP, max_size=12))
def test_values_never_add_a_tag_an_attribute_or_a_scheme(value: str, other: str) -> None:
    template = compile_template("email", "s", '((a))\n\n[x](((a))) [((b))](https://x.y/((a)) "((b))") ((b))((a))')
    Inspected().feed(template.email_html({"a": value, "b": other}))


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "[](",
        "[a](b 'c ",
        "![",
        "](",
        "```\nx\n",
        "~~~a\n",
        "* a\n",
        "*",
        "- -",
        "1",
        "|a",
        "a|b\n-|-\n",
        "#",
        "# a #",
        "^a\n",
        "'",
        "   .",
        "http://",
        "x",
        "a.",
        "a-",
        "@",
        "<a@",
        "&amp",
        "=\n",
        "[r]: b\n",
        "* a\n\n",
        "\x0b",
    ],
)
def test_hostile_values_take_time_in_proportion_to_their_length(unit: str) -> None:
    template = compile_template("email", "s", "# ((v))z")

    def seconds(length: int) -> float:
        value = {"v": unit * (length // len(unit))}
        started = time.process_time()
        template.email_html(value)
        template.email_text(value)
        return time.process_time() - started

    # quadratic work would need 64 times as long for 8 times the text, and minutes for the longest body allowed
    assert seconds(48_000) < max(24 * seconds(6_000), 1.0)
