"""From the raw body of a POST to its typed request.

The good case is one msgspec call and a few cheap checks. Anything in doubt, right or wrong, goes to the complete
validator (slow.py), which has the last word; tests hold the two to the same answers.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import msgspec

from services.notify.recipients.email import normalise_email
from services.notify.recipients.errors import InvalidEmail, InvalidPhone
from services.notify.recipients.phone import parse_phone
from services.notify.requests.fields import SCHEDULE_WINDOW, is_https_url
from services.notify.requests.parsing import is_kept_as_is
from services.notify.requests.slow import PREVIEW, email_schema, read_body, sms_schema
from services.notify.requests.wire import EmailRequest, Personalisation, PreviewRequest, SmsRequest

Request = TypeVar("Request", EmailRequest, SmsRequest, PreviewRequest)

_email = msgspec.json.Decoder(EmailRequest)
_sms = msgspec.json.Decoder(SmsRequest)
_preview = msgspec.json.Decoder(PreviewRequest)

_PERSONALISATION_DEPTH = 2  # the body is the first level


def decode_email(raw: bytes, *, window: timedelta = SCHEDULE_WINDOW) -> EmailRequest:
    """Read the body of POST /v2/notifications/email.

    window: how far ahead scheduled_for may lie. Raises InvalidJSON or SchemaErrors (whose messages must not be logged).
    """
    return _fast_email(raw) or EmailRequest(**read_body(email_schema(window), raw))  # type: ignore[arg-type]


def decode_sms(raw: bytes, *, window: timedelta = SCHEDULE_WINDOW) -> SmsRequest:
    """Read the body of POST /v2/notifications/sms; otherwise as decode_email."""
    return _fast_sms(raw) or SmsRequest(**read_body(sms_schema(window), raw))  # type: ignore[arg-type]


def decode_preview(raw: bytes) -> PreviewRequest:
    """Read the body of POST /v2/template/{id}/preview, which alone may be empty. Raises as decode_email."""
    if not raw:
        return PreviewRequest()
    return _fast_preview(raw) or PreviewRequest(**read_body(PREVIEW, raw))  # type: ignore[arg-type]


def _fast_email(raw: bytes) -> EmailRequest | None:
    """The request if it is right beyond doubt, else None."""
    request = _decoded(_email, raw)
    if request is None or request.scheduled_for is not None or not _is_kept(request.personalisation):
        return None
    if request.one_click_unsubscribe_url is not None and not is_https_url(request.one_click_unsubscribe_url):
        return None
    try:
        normalise_email(request.email_address)
    except InvalidEmail:
        return None
    return request


def _fast_sms(raw: bytes) -> SmsRequest | None:
    request = _decoded(_sms, raw)
    if request is None or request.scheduled_for is not None or not _is_kept(request.personalisation):
        return None
    try:
        parse_phone(request.phone_number)
    except InvalidPhone:
        return None
    return request


def _fast_preview(raw: bytes) -> PreviewRequest | None:
    request = _decoded(_preview, raw)
    return request if request is not None and _is_kept(request.personalisation) else None


def _decoded(decoder: msgspec.json.Decoder[Request], raw: bytes) -> Request | None:
    # null: our Structs cannot tell it from absence, and for most fields it is a fault. \u0000: see parsing.has_nul.
    if b"null" in raw or b"\\u0000" in raw:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_kept(personalisation: Personalisation) -> bool:
    for value in personalisation.values():
        if value.__class__ is not str and not is_kept_as_is(value, _PERSONALISATION_DEPTH):
            return False
    return True
