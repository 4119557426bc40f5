"""Placeholders: finding, matching, listing and filling them (sections 1.4, 1.5 and 1.9 of the contract)."""

from __future__ import annotations

from typing import Any

import pytest

from services.notify.rendering import compile_template


def body(content: str, **values: Any) -> str:
    return compile_template("email", "s", content).api_body(values)


def text(content: str, **values: Any) -> str:
    return compile_template("sms", None, content).api_body(values)


def test_placeholders_stand_in_template_order_subject_first_each_once() -> None:
    template = compile_template("email", "((First Name)) and ((ref))", "((first_name)) ((amount)) ((show??x)) ((REF))")
    assert template.placeholders == ("First Name", "ref", "amount", "show")


def test_absent_and_null_values_are_missing_in_the_templates_spelling() -> None:
    template = compile_template("email", "((First Name))", "((amount)) ((show??x)) ((empty)) ((none))")
    assert template.missing({"amount": None, "EMPTY": "", "none": []}) == ["First Name", "amount", "show"]
    assert template.missing({"first-name": "a", "amount": 0, "show": "no", "empty": "", "none": ""}) == []


@pytest.mark.parametrize("key", ["First Name", "first_name", "FIRST-NAME", "firstname", "f i r s t_n-ame"])
def test_keys_match_whatever_their_case_spaces_hyphens_and_underscores(key: str) -> None:
    assert compile_template("sms", None, "Hi ((First Name))").api_body({key: "Amy", "other": 1}) == "Hi Amy"


def test_of_two_spellings_the_later_wins() -> None:
    template = compile_template("sms", None, "((name))")
    assert template.api_body({"name": "a", "NAME": "b"}) == "b"
    assert template.api_body({"NAME": "b", "name": "a"}) == "a"


def test_extra_keys_are_ignored() -> None:
    assert text("((a))", a="1", b="2", c=["3"]) == "1"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("((a)", "((a)"),
        ("(a)", "(a)"),
        ("(((a)))", "(1)"),
        ("((a(b)))", "((a(b)))"),
        ("(( a ))", "1"),
        ("(())", "(())"),
        ("((a))((a))", "11"),
    ],
)
def test_what_counts_as_a_placeholder(content: str, shown: str) -> None:
    assert body(content, a="1") == shown


@pytest.mark.parametrize(("value", "shown"), [(1, "1"), (1.5, "1.5"), (True, "True"), (False, "False"), (0, "0")])
def test_numbers_and_booleans_become_text(value: object, shown: str) -> None:
    assert body("((v))", v=value) == text("((v))", v=value) == shown


def test_a_file_is_the_callers_business() -> None:
    assert body("x ((v))", v={"file": "a"}) == "x {'file': 'a'}"


@pytest.mark.parametrize(
    ("value", "in_email", "in_text"),
    [
        (["a", "b"], "x \n\n* a\n* b", "x a and b"),
        (["a", "b", "c"], "x \n\n* a\n* b\n* c", "x a, b and c"),
        (["a"], "x \n\n* a", "x a"),
        (["a", None, "", " \u200b ", 2], "x \n\n* a\n* 2", "x a and 2"),
        ([], "x", "x"),
        ([None, ""], "x", "x"),
    ],
)
def test_lists_are_bullets_in_an_email_and_a_sentence_in_a_text(value: Any, in_email: str, in_text: str) -> None:
    assert body("x ((v))", v=value) == in_email
    assert text("x ((v))", v=value) == in_text
    assert compile_template("email", "x ((v))", "b").api_subject({"v": value}) == in_text


@pytest.mark.parametrize("value", ["yes", "Y", "TRUE", "t", "1", "Include", "show", True, 1])
def test_conditional_text_is_shown_for_a_yes(value: object) -> None:
    assert body("A ((f??text)) B", f=value) == "A text B"


@pytest.mark.parametrize("value", ["no", "", "2", " yes", "on", False, 0, [], "((f??x))"])
def test_conditional_text_is_removed_otherwise_and_the_spaces_stay(value: object) -> None:
    assert body("A ((f??text)) B", f=value) == "A  B"


def test_conditional_text_may_hold_question_marks() -> None:
    assert body("((a??b??c))", a="yes") == "b??c"


def test_nested_placeholders_in_a_conditional_are_left_as_typed() -> None:
    assert body("((a??b ((c)) d))", a="yes", c="1") == "((a??b 1 d))"


def test_values_are_not_filled_again() -> None:
    values = {"a": "((b))", "b": "((a))"}
    template = compile_template("email", "((a))", "((a)) ((b))")
    assert template.api_body(values) == "((b)) ((a))"
    assert template.api_subject(values) == "((b))"
    assert ">((b)) ((a))<" in template.email_html(values)


def test_a_missing_value_leaves_the_placeholder_as_typed() -> None:
    template = compile_template("email", "((a))", "((a)) ((b??c)) <")
    assert template.api_body({}) == "((a)) ((b??c)) <"
    assert "((a)) ((b??c)) &lt;" in template.email_html({})


def test_the_email_body_is_the_raw_markdown_stripped_with_its_line_ends() -> None:
    assert body("  # ((t))\r\n\r\n**a** <b> \r\n", t="x&y") == "# x&y\r\n\r\n**a** <b>"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Your  ((v))\n now ", "Your x now"),
        ("\u00a0a\u202fb\u200bc\t", "a bc"),
        ('Don\'t say "no"', "Don’t say “no”"),
        ("Tax - due , now", "Tax – due, now"),
        ("((v))'s <tax> & more", "x’s <tax> & more"),
    ],
)
def test_a_subject_is_one_line_with_fine_typography_and_no_html(written: str, shown: str) -> None:
    assert compile_template("email", written, "b").api_subject({"v": "x"}) == shown
