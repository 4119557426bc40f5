"""What a template may be, whatever the way it comes in."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.requests.errors import InvalidJSON, SchemaErrors
from services.notify.templates import rules
from services.notify.templates.rules import TemplateChange, Wording
from services.notify.templates.wire import read_change, read_new

WORDING = Wording(name="A", subject="S", content="C", lane="normal", has_unsubscribe_link=False)


@pytest.mark.parametrize(
    ("content", "is_too_long"),
    [
        ("y" * 918, False),
        ("y" * 919, True),
        ("à" * 918, False),
        ("…" * 306, False),
        ("…" * 307, True),
        ("y" * 918 + " \n", False),
    ],
)
def test_a_texts_length_is_counted_as_it_would_be_sent(content: str, is_too_long: bool) -> None:
    assert bool(rules.channel_faults("sms", {"content": content})) is is_too_long


def test_an_emails_content_is_counted_in_bytes() -> None:
    given = {"subject": "S", "content": "é" * 1_000_000}
    assert rules.channel_faults("email", given) == []
    assert rules.channel_faults("email", {**given, "content": "é" * 1_000_000 + "x"}) == [
        "body must not be larger than 2000000 bytes. It is 2000001 bytes."
    ]


def test_a_change_leaves_alone_what_it_does_not_name() -> None:
    after = rules.changed(WORDING, TemplateChange(content="D", has_unsubscribe_link=True))
    assert rules.differences(WORDING, after) == ["content", "has_unsubscribe_link"]
    assert rules.changed(WORDING, TemplateChange()) == WORDING


def test_a_field_that_is_wrong_is_not_called_missing_as_well() -> None:
    with pytest.raises(SchemaErrors) as refused:
        read_new(b'{"type":"email","name":"A","content":"C","subject":5}')
    assert refused.value.messages == ["subject 5 is not of type string"]


_NAMES = st.sampled_from(["type", "name", "content", "subject", "lane", "has_unsubscribe_link", "version"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_NAMES | st.text(), inner),
    max_leaves=12,
)


@given(st.binary() | _VALUES.map(msgspec.json.encode))
def test_no_body_raises_anything_but_the_two_refusals(raw: bytes) -> None:
    for read in (read_new, lambda body: read_change(body, "sms"), lambda body: read_change(body, "email")):
        with contextlib.suppress(InvalidJSON, SchemaErrors):
            read(raw)
