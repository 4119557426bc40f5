"""From the raw body of a POST to its typed request.

The good case of a hot route is one msgspec call and a few cheap checks. Anything in doubt, right or wrong, goes to the
complete validators (slow.py, others.py), which have the last word; tests hold the two to the same answers.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.pay.requests.bodies import (
    AgreementRequest,
    AuthorisationRequest,
    PaymentRequest,
    RefundRequest,
    TelephoneNotification,
)
from services.pay.requests.fields import holds_forbidden
from services.pay.requests.metadata import is_right
from services.pay.requests.others import read_agreement, read_authorisation, read_refund, read_telephone
from services.pay.requests.parsing import is_blank, is_plain
from services.pay.requests.slow import read_payment

Request = TypeVar("Request", PaymentRequest, RefundRequest)

_payment = msgspec.json.Decoder(PaymentRequest)
_refund = msgspec.json.Decoder(RefundRequest)


def decode_payment(raw: bytes) -> PaymentRequest:
    """Read the body of POST /v1/payments. Raises the first refusal, in the contract's order."""
    return _fast_payment(raw) or read_payment(raw)


def decode_refund(raw: bytes) -> RefundRequest:
    """Read the body of POST /v1/payments/{id}/refunds; otherwise as decode_payment."""
    return _decoded(_refund, raw) or read_refund(raw)


def decode_agreement(raw: bytes) -> AgreementRequest:
    """Read the body of POST /v1/agreements; otherwise as decode_payment."""
    return read_agreement(raw)


def decode_authorisation(raw: bytes) -> AuthorisationRequest:
    """Read the body of POST /v1/auth; otherwise as decode_payment."""
    return read_authorisation(raw)


def decode_telephone(raw: bytes) -> TelephoneNotification:
    """Read the body of POST /v1/payment_notification; otherwise as decode_payment."""
    return read_telephone(raw)


def _fast_payment(raw: bytes) -> PaymentRequest | None:
    """The request if it is right beyond doubt, else None."""
    request = _decoded(_payment, raw)
    if request is None or not _is_ordinary(request):
        return None
    reference, description = request.reference, request.description
    if is_blank(reference) or is_blank(description) or holds_forbidden(reference) or holds_forbidden(description):
        return None
    return request if not request.metadata or is_right(request.metadata) else None


def _is_ordinary(request: PaymentRequest) -> bool:
    """Whether nothing in it depends on something else: agreements, line items and our own components do."""
    return (
        request.set_up_agreement is None
        and request.agreement_id is None
        and request.agreement_payment_type is None
        and request.internal is None
        and not request.line_items
    )


def _decoded(decoder: msgspec.json.Decoder[Request], raw: bytes) -> Request | None:
    if not is_plain(raw):
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
