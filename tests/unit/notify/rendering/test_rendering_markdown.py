"""Section 1.9 of the contract: what markdown becomes in HTML and in plain text."""

from __future__ import annotations

import re

import pytest

from services.notify.rendering import compile_template

P = '<p style="Margin: 0 0 20px 0; font-size: 19px; line-height: 25px; color: #0B0C0C;">'
A = '<a style="word-wrap: break-word; color: #1D70B8;" '


def html(content: str, **values: object) -> str:
    return compile_template("email", "s", content).email_html(values)


def bare(content: str, **values: object) -> str:
    """The HTML without its styles."""
    return re.sub(r' (?:style|role)="[^"]*"', "", html(content, **values))


def plain(content: str, **values: object) -> str:
    return compile_template("email", "s", content).email_text(values)


def test_paragraphs_and_links_carry_the_contracts_styles() -> None:
    assert html("Hello") == f"{P}Hello</p>"
    assert html("[a](https://b.c)") == f'{P}{A}href="https://b.c">a</a></p>'


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("# One", "<h2>One</h2>"),
        ("#One", "<h2>One</h2>"),
        ("## Two ##", "<h3>Two</h3>"),
        ("### Three", "<p>Three</p>"),
        ("###### Six", "<p>Six</p>"),
        ("One\n===", "<h2>One</h2>"),
        ("Two\n---", "<h3>Two</h3>"),
        ("# \nx", "<p>x</p>"),
        ("a\nb\n\nc", "<p>a<br />b</p><p>c</p>"),
        ("a  \r\nb", "<p>a<br />b</p>"),
        ("a\n# b", "<p>a</p><h2>b</h2>"),
        ("---", "<hr>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("***", "<hr>"),
        ("_ _ _", "<hr>"),
        ("^ a", "<blockquote><p>a</p></blockquote>"),
        ("^a\nb\n\nc", "<blockquote><p>a<br />b</p></blockquote><p>c</p>"),
        ("^ # a\n^ * b", "<blockquote><h2>a</h2><table><tr><td><ul><li>b</li></ul></td></tr></table></blockquote>"),
        ("    typed", "typed"),
        ("```\na *b*\n```", "a *b*"),
    ],
)
def test_blocks_in_html(written: str, shown: str) -> None:
    assert bare(written) == shown


def listed(*items: str, tag: str = "ul") -> str:
    return f"<table><tr><td><{tag}>{''.join(f'<li>{item}</li>' for item in items)}</{tag}></td></tr></table>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("* a\n* b", listed("a", "b")),
        ("- a\n- b", listed("a", "b")),
        ("• a\n• b", listed("a", "b")),
        ("*a\n*b", listed("a", "b")),
        ("1. a\n2. b", listed("a", "b", tag="ol")),
        ("1.a\n7.b", listed("a", "b", tag="ol")),
        ("* a\n\n* b", listed("<p> a</p>", "<p> b</p>")),
        ("* a\n\n\n* b", listed("a") + listed("b")),
        ("* a\n\nb", listed("a") + "<p>b</p>"),
        ("* a\nb", listed("a<br />b")),
        ("* a\n***", listed("a") + "<hr>"),
        ("* a\n  * b", listed("a" + listed("b"))),
        ("x\n* a", "<p>x</p>" + listed("a")),
        ("x\n• a", "<p>x<br />• a</p>"),
    ],
)
def test_lists_in_html(written: str, shown: str) -> None:
    assert bare(written) == shown


def test_lists_say_their_kind_to_mail_programs() -> None:
    assert "list-style-type: disc;" in html("* a")
    assert "list-style-type: decimal;" in html("1. a")
    assert '<table role="presentation"' in html("* a")


@pytest.mark.parametrize(
    "written", ["a *b* c", "a **b** c", "a _b_ c", "a __b__ c", "a ~~b~~ c", "a `b` c", "snake_case_name"]
)
def test_emphasis_and_code_are_left_as_typed(written: str) -> None:
    assert bare(written) == f"<p>{written}</p>"
    assert plain(written) == f"{written}\n"


@pytest.mark.parametrize("written", ["![alt](http://i.mg/x)", "|a|b|\n|-|-|\n|c|d|\n", "a | b\n- | -\nc | d"])
def test_images_and_tables_are_removed(written: str) -> None:
    assert html(written) == ""
    assert plain(written).strip() == ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("<script>alert('1')</script>", "<p>&lt;script&gt;alert(‘1’)&lt;/script&gt;</p>"),
        ("&lt;b&gt;", "<p>&lt;b&gt;</p>"),
        ("a & b", "<p>a &amp; b</p>"),
        ("a&nbsp;b &amp; c", "<p>a&nbsp;b &amp; c</p>"),
        ("&copy; &#163;", "<p>© £</p>"),
        ('say "x"', "<p>say “x”</p>"),
    ],
)
def test_html_is_escaped_and_some_entities_survive(written: str, shown: str) -> None:
    assert bare(written) == bare("((v))", v=written) == shown


@pytest.mark.parametrize(
    ("written", "target", "words"),
    [
        ("https://a.b/c?d=1&e=2#f", "https://a.b/c?d=1&amp;e=2#f", "https://a.b/c?d=1&amp;e=2#f"),
        ("http://a.b.", "http://a.b", "http://a.b"),
        ("(http://a.b)", "http://a.b", "http://a.b"),
        ("http://a.b/%20c", "http://a.b/%20c", "http://a.b/%20c"),
        ('http://a.b/"c', "http://a.b/%22c", 'http://a.b/"c'),
        ("[x](a.b)", "http://a.b", "x"),
        ("[x](javascript:alert(1))", "http://javascript:alert%281", "x"),
        ("[x](data:text/html,y)", "http://data:text/html%2Cy", "x"),
        ("[x](mailto:a@b.c)", "mailto:a%40b.c", "x"),
        ("[x](tel:0123)", "tel:0123", "x"),
        ("[x](HTTPS://a.b)", "HTTPS://a.b", "x"),
        ("[x]( https://a.b )", "https://a.b", "x"),
        ("[x](https://a.b/c d)", "https://a.b/c%20d", "x"),
        ("[[x]](https://a.b)", "https://a.b", "[x]"),
        ("[x][r]\n\n[r]: https://a.b", "https://a.b", "x"),
        ("[r]\n\n[R]: https://a.b", "https://a.b", "r"),
    ],
)
def test_links_and_bare_addresses_in_html(written: str, target: str, words: str) -> None:
    assert f'{A}href="{target}">{words}</a>' in html(written)


def test_a_links_title_cannot_end_its_attribute() -> None:
    assert f'{A}href="http://u" title="a &quot;b">x</a>' in html("[x](u 'a \"b')")
    assert 'title="t (z)">x</a>' in html('[x](u "t (z)")')


def test_escaped_brackets_make_no_link() -> None:
    assert bare(r"\[click\]\(here\) \* \_ \# \!") == "<p>[click](here) * _ # !</p>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("GOV.UK", "GOV.\u200bUK"),
        ("at gov.uk", "at gov.\u200buk"),
        ("GOV.UK/x", "GOV.UK/x"),
        ("www.GOV.UK", "www.GOV.UK"),
        ("a - b -- c — d", "a – b – c – d"),
        ("a-b", "a-b"),
        ("It's the '80s \"thing\" 'here'", "It’s the ‘80s “thing” ‘here’"),
        ("mail o'neil@x.y now", "mail o'neil@x.y now"),
        ("yes , no .", "yes, no."),
        ("a\u2028b\u3164c", "abc"),
    ],
)
def test_typography(written: str, shown: str) -> None:
    assert bare(written) == f"<p>{shown}</p>"
    assert plain(written) == f"{shown}\n"


def test_quotes_in_addresses_stay_straight() -> None:
    assert 'href="https://a.b/it%27s">https://a.b/it\'s</a>' in html("https://a.b/it's it's")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("# One", "One\n" + "=" * 65),
        ("## Two", "Two\n" + "-" * 65),
        ("### Three", "Three"),
        ("a\n\n---\n\nb", "a\n\n" + "=-" * 32 + "=\n\nb"),
        ("a\nb\n\nc", "a\nb\n\nc"),
        ("x\n\n# y", "x\n\n\ny\n" + "=" * 65),
        ("* a\n* b\n\nc", "• a\n• b\n\nc"),
        ("x\n\n1. a\n1. b", "x\n\n1. a\n2. b"),
        ("^ a", "a"),
        ("[x](https://a.b)", "x: https://a.b"),
        ('[x](https://a.b "t")', "x (t): https://a.b"),
        ("https://a.b?c=1&copy=2", "https://a.b?c=1&copy=2"),
        ("<https://a.b>", "https://a.b"),
        ("<b> & &amp; &nbsp;x", "<b> & & \u00a0x"),
        ("it's", "it’s"),
    ],
)
def test_plain_text(written: str, shown: str) -> None:
    assert plain(written) == f"{shown}\n"


def test_a_list_value_becomes_a_list() -> None:
    assert bare("You need ((things))", things=["a", "b"]) == "<p>You need </p>" + listed("a", "b")
    assert plain("You need ((things))", things=["a"]) == "You need \n\n• a\n"


def test_values_are_read_as_markdown_unless_sanitised() -> None:
    assert bare("((v))", v="# x") == "<h2>x</h2>"
    assert bare("((v))", v=r"\# x") == "<p># x</p>"
