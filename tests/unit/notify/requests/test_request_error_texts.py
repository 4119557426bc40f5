"""Every text of contract 1.6 that belongs to the schemas of e-mail, text, preview and lists, and their order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from common import clock
from services.notify.requests.decode import decode_email, decode_preview, decode_sms
from services.notify.requests.errors import InvalidJSON, SchemaErrors

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEMPLATE = "8b5f4f2e-7f2a-4d0f-9f51-0c3f1a2b3c4d"
EMAIL = {"email_address": "amala@example.com", "template_id": TEMPLATE}
SMS = {"phone_number": "07400123456", "template_id": TEMPLATE}
BAD_MOMENT = (
    "scheduled_for datetime format is invalid. It must be a valid ISO8601 date time format, "
    "https://en.wikipedia.org/wiki/ISO_8601"
)
NOT_VALID = "phone_number Number is not valid – double check the phone number you entered"
ABSENT = object()


def messages(body: Any, channel: str) -> list[str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    decode = {"email": decode_email, "sms": decode_sms, "preview": decode_preview}[channel]
    with clock.frozen(NOW), pytest.raises(SchemaErrors) as refusal:
        decode(raw)  # type: ignore[operator]
    assert refusal.value.error_class == "ValidationError"
    assert refusal.value.status == 400
    return refusal.value.messages


SMS_TEXTS = [
    ({"phone_number": ABSENT}, "phone_number is a required property"),
    ({"template_id": ABSENT}, "template_id is a required property"),
    ({"template_id": "x"}, "template_id is not a valid UUID"),
    ({"template_id": 5}, "template_id is not a valid UUID"),
    ({"template_id": None}, "template_id is not a valid UUID"),
    ({"foo": 1}, "Additional properties are not allowed (foo was unexpected)"),
    ({"foo": 1, "bar": 2}, "Additional properties are not allowed (bar, foo were unexpected)"),
    ({"personalisation": "x"}, "personalisation x is not of type object"),
    ({"personalisation": None}, "personalisation None is not of type object"),
    ({"personalisation": ["it's"]}, 'personalisation ["its"] is not of type object'),
    ({"reference": 5}, "reference 5 is not of type string"),
    ({"reference": None}, "reference None is not of type string"),
    ({"reference": 10**30}, f"reference {10**30} is not of type string"),
    ({"reference": "r" * 1001}, f"reference {'r' * 1001} is too long"),
    ({"phone_number": 7700900000}, "phone_number 7700900000 is not of type string"),
    ({"phone_number": None}, "phone_number None is not of type string"),
    ({"phone_number": {"a": True}}, "phone_number {a: True} is not of type string"),
    ({"phone_number": ""}, "phone_number Not enough digits"),
    ({"phone_number": "0770"}, "phone_number Not enough digits"),
    ({"phone_number": "0740012345678"}, "phone_number Too many digits"),
    ({"phone_number": "07400 12345x"}, "phone_number Must not contain letters or symbols"),
    ({"phone_number": "+24746123"}, "phone_number Not a valid country prefix"),
    ({"phone_number": "06012345678"}, NOT_VALID),
    ({"sms_sender_id": "x"}, "sms_sender_id is not a valid UUID"),
    ({"scheduled_for": "2026-11-23T11:59:59Z"}, "scheduled_for datetime can not be in the past"),
    ({"scheduled_for": "2026-11-23"}, "scheduled_for datetime can not be in the past"),
    ({"scheduled_for": "2026-11-24T12:00:01Z"}, "scheduled_for datetime can only be 24 hours in the future"),
    ({"scheduled_for": "tomorrow"}, BAD_MOMENT),
    ({"scheduled_for": ""}, BAD_MOMENT),
    ({"scheduled_for": "2026-11-23x13:00:00Z"}, BAD_MOMENT),
    ({"scheduled_for": "2026-13-23T13:00:00Z"}, BAD_MOMENT),
    ({"scheduled_for": "0001-01-01T00:00:00+14:00"}, BAD_MOMENT),
    ({"scheduled_for": 5}, "scheduled_for 5 is not of type string, null"),
    ({"template_version": 0}, "template_version 0 is less than the minimum of 1"),
    ({"template_version": "1"}, "template_version 1 is not of type integer"),
    ({"template_version": True}, "template_version True is not of type integer"),
    ({"template_version": 1.5}, "template_version 1.5 is not of type integer"),
    ({"template_version": None}, "template_version None is not of type integer"),
    ({"template_version": 2**31}, f"template_version {2**31} is greater than the maximum of {2**31 - 1}"),
    ({"personalisation": {"a": ["b\0"]}}, "personalisation must not contain NUL characters"),
    ({"personalisation": {"a\0": 1}}, "personalisation must not contain NUL characters"),
    ({"reference": "a\0b"}, "reference must not contain NUL characters"),
]

EMAIL_TEXTS = [
    ({"email_address": ABSENT}, "email_address is a required property"),
    ({"email_address": "amala"}, "email_address Not a valid email address"),
    ({"email_address": "a" * 309 + "@example.com"}, "email_address Not a valid email address"),
    ({"email_address": 5}, "email_address 5 is not of type string"),
    ({"email_reply_to_id": 5}, "email_reply_to_id is not a valid UUID"),
    ({"one_click_unsubscribe_url": "http://example.com"}, "one_click_unsubscribe_url is not a valid https url"),
    ({"one_click_unsubscribe_url": "https://"}, "one_click_unsubscribe_url is not a valid https url"),
    ({"one_click_unsubscribe_url": "https://e.uk/\r\nX: y"}, "one_click_unsubscribe_url is not a valid https url"),
    ({"one_click_unsubscribe_url": "https://e.uk/100%"}, "one_click_unsubscribe_url is not a valid https url"),
    ({"one_click_unsubscribe_url": None}, "one_click_unsubscribe_url is not a valid https url"),
    ({"sanitise_content_for": "name"}, "sanitise_content_for name is not of type array, null"),
    ({"sanitise_content_for": [5]}, "sanitise_content_for 5 is not of type string"),
    ({"sanitise_content_for": ["a\0"]}, "sanitise_content_for must not contain NUL characters"),
    ({"sms_sender_id": TEMPLATE}, "Additional properties are not allowed (sms_sender_id was unexpected)"),
]


def changed(body: dict[str, str], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **change}.items() if value is not ABSENT}


@pytest.mark.parametrize(("change", "text"), SMS_TEXTS)
def test_wrong_text_request_is_refused_with_the_contracts_text(change: dict[str, Any], text: str) -> None:
    assert messages(changed(SMS, change), "sms") == [text]


@pytest.mark.parametrize(("change", "text"), EMAIL_TEXTS)
def test_wrong_email_request_is_refused_with_the_contracts_text(change: dict[str, Any], text: str) -> None:
    assert messages(changed(EMAIL, change), "email") == [text]


def test_empty_object_names_the_required_fields_in_order() -> None:
    assert messages({}, "sms") == ["phone_number is a required property", "template_id is a required property"]
    assert messages({}, "email") == ["email_address is a required property", "template_id is a required property"]


@pytest.mark.parametrize("channel", ["email", "sms", "preview"])
@pytest.mark.parametrize(
    ("body", "text"),
    [([1], "[1] is not of type object"), ("x", "x is not of type object"), (None, "None is not of type object")],
)
def test_body_that_is_no_object_is_refused(channel: str, body: Any, text: str) -> None:
    assert messages(body, channel) == [text]


def test_faults_come_by_field_then_required_then_unknown() -> None:
    body = {"zeta": 1, "scheduled_for": 5, "alpha": 2, "phone_number": "x", "reference": 5}
    assert messages(body, "sms") == [
        "reference 5 is not of type string",
        "phone_number Must not contain letters or symbols",
        "scheduled_for 5 is not of type string, null",
        "template_id is a required property",
        "Additional properties are not allowed (alpha, zeta were unexpected)",
    ]


def test_same_fault_is_named_once() -> None:
    assert messages({**EMAIL, "sanitise_content_for": [5, 5, 6]}, "email") == [
        "sanitise_content_for 5 is not of type string",
        "sanitise_content_for 6 is not of type string",
    ]


@pytest.mark.parametrize("channel", [decode_email, decode_sms])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\x00"}',
        b"\x00",
        b"{} {}",
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
)
def test_body_that_is_not_json_is_refused(channel: Any, raw: bytes) -> None:
    with pytest.raises(InvalidJSON) as refusal:
        channel(raw)
    assert refusal.value.messages == ["Invalid JSON supplied in POST data"]
    assert refusal.value.error_class == "BadRequestError"


def test_what_may_be_logged_of_a_refusal_holds_no_value() -> None:
    with pytest.raises(SchemaErrors) as refusal:
        decode_sms(b'{"phone_number": 7400123456}')
    assert "7400123456" in refusal.value.messages[0]
    assert "7400123456" not in str(refusal.value) + refusal.value.detail + repr(refusal.value)


def test_preview_refuses_wrong_personalisation_only() -> None:
    assert messages({"personalisation": "x", "id": 5}, "preview") == ["personalisation x is not of type object"]
