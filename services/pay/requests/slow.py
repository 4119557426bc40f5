"""The complete check of a payment's body: the first fault, in the contract's order and words (section 1.3).

First every field's type, in the order of read_payment; then lengths and bounds. What depends on the account or on an
agreement comes after that, in account.py.
"""

from __future__ import annotations

from typing import Any

import msgspec

from services.pay.errors import AttributeInvalid, AttributeMalformed, AttributeUnexpected
from services.pay.requests.bodies import (
    AGREEMENT_PAYMENT_TYPES,
    ID_LENGTH,
    LONGEST_EMAIL,
    LONGEST_POSTCODE,
    LONGEST_URL,
    MODES,
    MOST_LINES,
    BillingAddress,
    Internal,
    LineItem,
    PaymentRequest,
    PrefilledDetails,
)
from services.pay.requests.fields import (
    PAYMENT,
    Body,
    check_amount,
    check_longest,
    read_amount,
    read_choice,
    read_flag,
    read_mandatory,
    read_optional,
)
from services.pay.requests.metadata import Metadata, read_metadata
from services.pay.requests.parsing import is_blank, is_text, parse_object

_SOURCES = ("CARD_PAYMENT_LINK", "CARD_AGENT_INITIATED_MOTO")
_OTHER_SOURCES = ("CARD_API", "CARD_EXTERNAL_TELEPHONE")
_SOURCE_TEXT = f"Accepted values are only {', '.join(_SOURCES)}"
_LANGUAGE_TEXT = 'Must be "en" or "cy"'
_LINES_TEXT = (
    f"Must be a list of at most {MOST_LINES} objects with a description, an amount and, if there is one, a fund_code"
)


def read_payment(raw: bytes) -> PaymentRequest:
    """Read the body of POST /v1/payments. Raises the first refusal that the contract would give."""
    body = parse_object(raw)
    values: dict[str, Any] = {
        "amount": read_amount(body, PAYMENT),
        "reference": read_mandatory(body, "reference", PAYMENT),
        "description": read_mandatory(body, "description", PAYMENT),
        "return_url": read_optional(body, "return_url", "Must be a valid URL format"),
        "moto": read_flag(body, "moto"),
        "set_up_agreement": _set_up_agreement(body),
        "authorisation_mode": _mode(body),
    }
    values["agreement_id"] = _agreement_id(body, values["authorisation_mode"])
    values["agreement_payment_type"] = _agreement_payment_type(body, values["authorisation_mode"])
    if "language" in body:
        values["language"] = read_choice(body, "language", ("en", "cy"), _LANGUAGE_TEXT)
    values["delayed_capture"] = read_flag(body, "delayed_capture")
    values["email"] = read_optional(body, "email")
    values["prefilled_cardholder_details"] = _prefilled(body)
    values["metadata"] = _metadata(body)
    values["internal"] = _internal(body)
    values["line_items"] = _line_items(body)
    request = PaymentRequest(**values)
    _check_bounds(request)
    return request


def _set_up_agreement(body: Body) -> str | None:
    value = body.get("set_up_agreement")
    # the original takes what is no text for nothing at all
    return value if is_text(value) else None


def _mode(body: Body) -> str:
    if "authorisation_mode" not in body:
        return "web"
    return read_choice(body, "authorisation_mode", MODES, f"Must be one of {', '.join(MODES)}")


def _agreement_id(body: Body, mode: str) -> str | None:
    if "agreement_id" not in body:
        return None
    if mode != "agreement":
        raise AttributeUnexpected("agreement_id")
    return read_mandatory(body, "agreement_id", PAYMENT)


def _agreement_payment_type(body: Body, mode: str) -> str | None:
    if "agreement_payment_type" not in body:
        return None
    value = body["agreement_payment_type"]
    why = f"Must be one of {', '.join(AGREEMENT_PAYMENT_TYPES)}"
    if not is_text(value) or is_blank(value):
        raise AttributeMalformed("agreement_payment_type", why)
    if "set_up_agreement" not in body and mode != "agreement":
        raise AttributeUnexpected("agreement_payment_type")
    return read_choice(body, "agreement_payment_type", AGREEMENT_PAYMENT_TYPES, why)


def _prefilled(body: Body) -> PrefilledDetails | None:
    value = body.get("prefilled_cardholder_details")
    if not isinstance(value, dict):
        return None
    name = read_optional(value, "cardholder_name")
    address = value.get("billing_address")
    if not isinstance(address, dict):
        return PrefilledDetails(cardholder_name=name)
    lines = {part: read_optional(address, part) for part in ("line1", "line2", "city", "postcode", "country")}
    return PrefilledDetails(cardholder_name=name, billing_address=BillingAddress(**lines))


def _metadata(body: Body) -> Metadata:
    return read_metadata(body["metadata"]) if "metadata" in body else {}


def _internal(body: Body) -> Internal | None:
    internal = body.get("internal")
    value = internal.get("source") if isinstance(internal, dict) else None
    if value is None:
        return None
    if not isinstance(value, str) or value in _OTHER_SOURCES:
        raise AttributeMalformed("source", _SOURCE_TEXT)
    if value not in _SOURCES:
        raise AttributeInvalid("source", _SOURCE_TEXT)
    return Internal(source=value)  # type: ignore[arg-type]


def _line_items(body: Body) -> tuple[LineItem, ...]:
    """Our addition, hence after all that the contract checks; every fault is one of value."""
    value = body.get("line_items")
    if value is None:
        return ()
    try:
        items = msgspec.convert(value, list[LineItem])
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise AttributeInvalid("line_items", _LINES_TEXT) from None
    texts = [text for item in items for text in (item.description, item.fund_code) if text is not None]
    if len(items) > MOST_LINES or not all(map(is_text, texts)):
        raise AttributeInvalid("line_items", _LINES_TEXT)
    return tuple(items)


def _check_bounds(request: PaymentRequest) -> None:
    check_amount(request.amount, 0, PAYMENT)
    check_longest("reference", request.reference)
    check_longest("description", request.description)
    check_longest("email", request.email, LONGEST_EMAIL)
    check_longest("return_url", request.return_url, LONGEST_URL)
    for name in ("agreement_id", "set_up_agreement"):
        value = getattr(request, name)
        if value is not None and len(value) != ID_LENGTH:
            raise AttributeInvalid(name, f"Field [{name}] length must be {ID_LENGTH}")
    if request.prefilled_cardholder_details is not None:
        _check_prefilled(request.prefilled_cardholder_details)
    if request.line_items and not adds_up(request):
        raise AttributeInvalid("line_items", "Amounts must add up to the amount of the payment")


def _check_prefilled(details: PrefilledDetails) -> None:
    check_longest("cardholder_name", details.cardholder_name)
    address = details.billing_address
    if address is not None:
        check_longest("line1", address.line1)
        check_longest("line2", address.line2)
        check_longest("city", address.city)
        check_longest("postcode", address.postcode, LONGEST_POSTCODE)


def adds_up(request: PaymentRequest) -> bool:
    """Whether the line items together are the payment."""
    return sum(item.amount for item in request.line_items) == request.amount
