"""What a right body becomes, and that the fast way and the complete one agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import clock
from services.notify.requests import decode
from services.notify.requests.decode import decode_email, decode_preview, decode_sms
from services.notify.requests.errors import InvalidJSON, SchemaErrors
from services.notify.requests.fields import SCHEDULE_WINDOW
from services.notify.requests.slow import PREVIEW, email_schema, read_body, sms_schema
from services.notify.requests.wire import EmailRequest, PreviewRequest, SmsRequest

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEMPLATE = "8b5f4f2e-7f2a-4d0f-9f51-0c3f1a2b3c4d"
EMAIL = {"email_address": "amala@example.com", "template_id": TEMPLATE}
SMS = {"phone_number": "07400123456", "template_id": TEMPLATE}


def encoded(**body: Any) -> bytes:
    return json.dumps(body).encode()


def test_whole_email_request_is_read() -> None:
    raw = encoded(
        **EMAIL,
        personalisation={"name": "Amala", "files": [1, {"a": 2.5}]},
        reference="r" * 1000,
        email_reply_to_id=TEMPLATE,
        one_click_unsubscribe_url="https://example.gov.uk/stop?id=1%20a#x",
        sanitise_content_for=["name"],
        template_version=3,
    )
    assert decode_email(raw) == EmailRequest(
        email_address="amala@example.com",
        template_id=UUID(TEMPLATE),
        personalisation={"name": "Amala", "files": [1, {"a": 2.5}]},
        reference="r" * 1000,
        email_reply_to_id=UUID(TEMPLATE),
        one_click_unsubscribe_url="https://example.gov.uk/stop?id=1%20a#x",
        sanitise_content_for=("name",),
        template_version=3,
    )


def test_whole_text_request_is_read() -> None:
    raw = encoded(**SMS, personalisation={"code": 1}, reference="", sms_sender_id=TEMPLATE, template_version=1.0)
    assert decode_sms(raw) == SmsRequest(
        phone_number="07400123456",
        template_id=UUID(TEMPLATE),
        personalisation={"code": 1},
        reference="",
        sms_sender_id=UUID(TEMPLATE),
        template_version=1,
    )


def test_recipient_is_kept_as_written() -> None:
    assert decode_sms(encoded(**{**SMS, "phone_number": " +44 7400 123456"})).phone_number == " +44 7400 123456"
    assert decode_email(encoded(**{**EMAIL, "email_address": "Amala@Example.com "})).email_address == (
        "Amala@Example.com "
    )


@pytest.mark.parametrize(
    "spelling", [TEMPLATE.upper(), TEMPLATE.replace("-", ""), f"{{{TEMPLATE}}}", f"urn:uuid:{TEMPLATE}"]
)
def test_identifier_is_read_in_every_spelling(spelling: str) -> None:
    assert decode_sms(encoded(**{**SMS, "template_id": spelling})).template_id == UUID(TEMPLATE)


def test_null_is_none_where_the_contract_allows_it() -> None:
    request = decode_email(encoded(**EMAIL, scheduled_for=None, sanitise_content_for=None, personalisation={"a": None}))
    assert (request.scheduled_for, request.sanitise_content_for, request.personalisation) == (None, (), {"a": None})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T13:00:00Z", datetime(2026, 11, 23, 13, tzinfo=UTC)),
        ("2026-11-23T13:00:00.25", datetime(2026, 11, 23, 13, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-23 14:00+01:00", datetime(2026, 11, 23, 13, tzinfo=UTC)),
        ("20261123T130000Z", datetime(2026, 11, 23, 13, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-23T12:00:00Z", NOW),
        ("2026-11-24T12:00:00Z", NOW + timedelta(hours=24)),
    ],
)
def test_scheduled_for_is_read_as_utc(text: str, moment: datetime) -> None:
    with clock.frozen(NOW):
        read = decode_sms(encoded(**SMS, scheduled_for=text)).scheduled_for
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


def test_window_of_scheduled_for_can_be_widened() -> None:
    raw = encoded(**SMS, scheduled_for="2026-11-25T12:00:00Z")
    with clock.frozen(NOW):
        assert decode_sms(raw, window=timedelta(hours=48)).scheduled_for == NOW + timedelta(hours=48)
        with pytest.raises(SchemaErrors) as refusal:
            decode_sms(raw, window=timedelta(hours=36))
    assert refusal.value.messages == ["scheduled_for datetime can only be 36 hours in the future"]


def test_integer_past_64_bits_becomes_its_digits_so_that_it_can_be_kept() -> None:
    request = decode_sms(encoded(**SMS, personalisation={"a": 10**30, "b": [-(10**30)], "c": 2**64 - 1}))
    assert request.personalisation == {"a": "1" + "0" * 30, "b": ["-1" + "0" * 30], "c": 2**64 - 1}
    msgspec.msgpack.encode(request.personalisation)


def test_byte_order_mark_and_repeated_names_are_let_be() -> None:
    raw = b"\xef\xbb\xbf" + encoded(**SMS)[:-1] + b', "reference": 5, "reference": "last"}'
    assert decode_sms(raw).reference == "last"


def test_nesting_is_bounded_alike_on_both_ways() -> None:
    def nested(levels: int) -> bytes:
        return encoded(**SMS)[:-1] + b', "personalisation": {"a": ' + b"[" * levels + b"]" * levels + b"}}"

    assert decode_sms(nested(30))
    assert decode._fast_sms(nested(30))
    with pytest.raises(InvalidJSON):
        decode_sms(nested(31))
    assert decode._fast_sms(nested(31)) is None


def test_preview_body_may_be_empty_or_hold_more() -> None:
    assert decode_preview(b"") == PreviewRequest()
    assert decode_preview(b'{"id": "x", "personalisation": {"a": "b"}}') == PreviewRequest(personalisation={"a": "b"})


def test_plain_bodies_take_the_fast_way() -> None:
    assert decode._fast_email(encoded(**EMAIL, personalisation={"a": "é", "n": 5})) is not None
    assert decode._fast_sms(encoded(**SMS, reference="x", template_version=2)) is not None


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(scalars, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part))
UUIDS = st.sampled_from([TEMPLATE, TEMPLATE.upper(), TEMPLATE.replace("-", ""), f"{{{TEMPLATE}}}", "x", TEMPLATE[:-1]])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "email_address": st.emails() | st.sampled_from(["amala@example.com", "amala@example", " a@b.uk", "a@b.uk\0"]),
    "phone_number": st.from_regex(r"(\+44|0)7[0-9]{9}", fullmatch=True) | st.sampled_from(["+33612345678", "0", "x"]),
    "template_id": UUIDS,
    "personalisation": st.dictionaries(st.text(max_size=5), anything, max_size=3),
    "reference": st.sampled_from(["", "r" * 1000, "😀" * 1000, "r" * 1001, "null", "\\u0000"]) | st.text(),
    "scheduled_for": st.datetimes(NOW.replace(tzinfo=None), datetime(2026, 11, 25)).map(str)
    | st.sampled_from(["2026-11-23T13:00:00Z", "2026-11-23T13:00:00", None]),
    "sms_sender_id": UUIDS,
    "email_reply_to_id": UUIDS,
    "one_click_unsubscribe_url": st.sampled_from(["https://a.uk", "https://a b", "http://a.uk", "https://"]),
    "sanitise_content_for": st.none() | st.lists(st.text(max_size=4), max_size=3),
    "template_version": st.integers(-1, 3) | st.sampled_from([1.0, 1.5, 2**31, 2**31 - 1, 2**64]),
}


@st.composite
def bodies(draw: st.DrawFn, channel: str) -> bytes:
    """Bodies near the contract: right ones often, and each field wrong now and then."""
    others = {"email": ("phone_number", "sms_sender_id"), "sms": ("email_address", "email_reply_to_id")}[channel]
    own = [name for name in FIELDS if name not in others]
    right = EMAIL if channel == "email" else SMS
    names = draw(st.lists(st.sampled_from(own), max_size=3, unique=True))
    body = {**right, **{name: draw(FIELDS[name] if draw(st.integers(0, 9)) else anything) for name in names}}
    if not draw(st.integers(0, 9)):
        body.pop(draw(st.sampled_from(sorted(body))))
    if not draw(st.integers(0, 9)):
        body[draw(st.text(max_size=5))] = draw(anything)
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def outcome(read: Callable[[], object]) -> tuple[str, ...]:
    try:
        return ("accepted", repr(read()))  # repr: 1, 1.0 and True are equal but not the same
    except InvalidJSON as refusal:
        return ("not JSON", *refusal.messages)
    except SchemaErrors as refusal:
        return ("refused", *refusal.messages)


@settings(max_examples=400, deadline=None)
@given(bodies("email"))
def test_fast_way_agrees_with_the_complete_one_for_email(raw: bytes) -> None:
    with clock.frozen(NOW):
        assert outcome(lambda: decode_email(raw)) == outcome(
            lambda: EmailRequest(**read_body(email_schema(SCHEDULE_WINDOW), raw))  # type: ignore[arg-type]
        )


@settings(max_examples=400, deadline=None)
@given(bodies("sms"))
def test_fast_way_agrees_with_the_complete_one_for_text(raw: bytes) -> None:
    with clock.frozen(NOW):
        assert outcome(lambda: decode_sms(raw)) == outcome(
            lambda: SmsRequest(**read_body(sms_schema(SCHEDULE_WINDOW), raw))  # type: ignore[arg-type]
        )


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional={"personalisation": FIELDS["personalisation"] | anything, "id": anything}))
def test_fast_way_agrees_with_the_complete_one_for_preview(body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    assert outcome(lambda: decode_preview(raw)) == outcome(lambda: PreviewRequest(**read_body(PREVIEW, raw)))  # type: ignore[arg-type]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_body_raises_nothing_else(data: st.DataObject) -> None:
    raw = bytearray(data.draw(bodies("sms") | st.binary()))
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for read in (decode_email, decode_sms, decode_preview):
        outcome(lambda read=read: read(bytes(raw)))  # type: ignore[misc]


@settings(max_examples=100, deadline=None)
@given(bodies("sms"))
def test_accepted_request_can_be_kept(raw: bytes) -> None:
    """What was accepted fits msgpack and PostgreSQL's text."""
    with clock.frozen(NOW):
        try:
            request = decode_sms(raw)
        except (InvalidJSON, SchemaErrors):
            return
    assert b"\0" not in json.dumps(msgspec.to_builtins(request), ensure_ascii=False, default=str).encode()
    assert "\\u0000" not in json.dumps(request.personalisation).replace("\\\\", "")
    msgspec.msgpack.encode(request.personalisation)
