"""The smaller bodies: refunds, agreements, card details from a service, telephone payments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.pay.errors import AttributeInvalid, AttributeMissingInForm
from services.pay.requests.bodies import (
    LONGEST_TEXT,
    MOST_MINOR,
    AgreementRequest,
    AuthorisationRequest,
    PaymentOutcome,
    RefundRequest,
    Supplemental,
    TelephoneNotification,
)
from services.pay.requests.fields import (
    AGREEMENT,
    NUMERIC,
    REFUND,
    Body,
    check_amount,
    check_longest,
    read_amount,
    read_mandatory,
    read_optional,
)
from services.pay.requests.moments import read_moment
from services.pay.requests.parsing import is_blank, is_integer, is_text, parse_object

CARD_TYPES = ("master-card", "visa", "maestro", "diners-club", "american-express", "jcb")
_FAILURE_CODES = ("P0010", "P0030", "P0050")
_month_and_year = re.compile(r"(0[1-9]|1[0-2])/[0-9]{2}", re.ASCII)


def read_refund(raw: bytes) -> RefundRequest:
    """Read the body of POST /v1/payments/{id}/refunds: type faults 400, bounds 422."""
    body = parse_object(raw)
    amount = read_amount(body, REFUND)
    check_amount(amount, 1, REFUND)
    return RefundRequest(amount=amount, refund_amount_available=_as_integer(body.get("refund_amount_available")))


def _as_integer(value: Any) -> int | None:
    """What the original makes of this field: digits in a text count, anything else is 0, which will not match."""
    if value is None:
        return None
    if is_integer(value):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value, re.ASCII):
        return int(value)
    return int(value) if isinstance(value, float) and abs(value) < 2**31 else 0


def read_agreement(raw: bytes) -> AgreementRequest:
    """Read the body of POST /v1/agreements."""
    body = parse_object(raw)
    code = AGREEMENT.wrong
    reference = read_mandatory(body, "reference", AGREEMENT)
    description = read_mandatory(body, "description", AGREEMENT)
    user = read_optional(body, "user_identifier", code=code)
    check_longest("reference", reference, code=code)
    check_longest("description", description, code=code)
    check_longest("user_identifier", user, code=code)
    if user == "":
        raise AttributeInvalid("user_identifier", "Must be between 1 and 255 characters long", code=code)
    return AgreementRequest(reference=reference, description=description, user_identifier=user)


def read_authorisation(raw: bytes) -> AuthorisationRequest:
    """Read the body of POST /v1/auth, whose every fault but unreadable JSON is a 422.

    The number's check digit and the date itself are looked at after the token was used up, by payments/rules.py.
    """
    body = parse_object(raw)
    checks: tuple[tuple[str, Callable[[str], bool], str], ...] = (
        ("one_time_token", lambda _: True, ""),
        ("card_number", lambda text: 12 <= len(text) <= 19, "Must be between 12 and 19 characters long"),
        ("cvc", lambda text: 3 <= len(text) <= 4, "Must be between 3 and 4 characters long"),
        (
            "expiry_date",
            _is_expiry,
            "Must be a valid date with the format MM/YY",
        ),
        ("cardholder_name", lambda text: len(text) <= LONGEST_TEXT, _at_most(LONGEST_TEXT)),
    )
    values = {name: _form_text(body, name) for name, _, _ in checks}
    for name, value in values.items():
        if value is None or is_blank(value):
            raise AttributeMissingInForm(name, field=name)
    for name, is_right, why in checks:
        if not is_right(values[name] or ""):
            raise AttributeInvalid(name, why)
    return AuthorisationRequest(**values)  # type: ignore[arg-type]


def _is_expiry(text: str) -> bool:
    return _month_and_year.fullmatch(text) is not None


def _at_most(longest: int) -> str:
    return f"Must be less than or equal to {longest} characters long"


def _form_text(body: Body, name: str) -> str | None:
    """A text, or a number for one, as the original's form takes it."""
    value = body.get(name)
    if value is None or is_text(value):
        return value
    if is_integer(value, 64):
        return str(value)
    raise AttributeInvalid(name, "Must be a valid String format")


def read_telephone(raw: bytes) -> TelephoneNotification:
    """Read the body of POST /v1/payment_notification, whose every fault but unreadable JSON is a 422."""
    body = parse_object(raw)
    amount = body.get("amount")
    if amount is not None and not is_integer(amount):
        raise AttributeInvalid("amount", NUMERIC)
    texts = {name: _form_text(body, name) for name in _TELEPHONE}
    outcome = _outcome(body)
    for name, value in {"amount": amount, "payment_outcome": outcome, **texts}.items():
        if value is None and name in _TELEPHONE_MANDATORY:
            raise AttributeMissingInForm(name, field=name)
    if not 0 <= amount <= MOST_MINOR:  # type: ignore[operator]
        bound = "less than or equal to 10000000" if amount > 0 else "greater than or equal to 1"  # type: ignore[operator]
        raise AttributeInvalid("amount", f"Must be {bound}")
    for name, is_right, why in _TELEPHONE_CHECKS:
        value = texts[name]
        if value is not None and not is_right(value):
            raise AttributeInvalid(name, why)
    return TelephoneNotification(amount=amount, payment_outcome=outcome, **texts)  # type: ignore[arg-type]


def _outcome(body: Body) -> PaymentOutcome | None:
    value = body.get("payment_outcome")
    if value is None:
        return None
    given = value if isinstance(value, dict) else {}
    status, code = _form_text(given, "status"), _form_text(given, "code")
    more = given.get("supplemental")
    supplemental = None
    if isinstance(more, dict):
        supplemental = Supplemental(
            error_code=_form_text(more, "error_code"), error_message=_form_text(more, "error_message")
        )
    if (status == "success" and code is None) or (status == "failed" and code in _FAILURE_CODES):
        return PaymentOutcome(status="failed" if code else "success", code=code, supplemental=supplemental)
    raise AttributeInvalid("payment_outcome", "Field [payment_outcome] must include a valid status and error code")


def _is_moment(text: str) -> bool:
    return isinstance(read_moment(text), datetime)


def _digits(count: int) -> Callable[[str], bool]:
    return lambda text: len(text) == count and text.isascii() and text.isdigit()


_MOMENT = "must be a valid ISO-8601 time and date format"
_LENGTH = f"Must be less than or equal to {LONGEST_TEXT} characters length"
_TELEPHONE = tuple(
    name for name in TelephoneNotification.__struct_fields__ if name not in ("amount", "payment_outcome")
)
_TELEPHONE_MANDATORY = TelephoneNotification.__struct_fields__[: -len(TelephoneNotification.__struct_defaults__)]
_TELEPHONE_CHECKS: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("reference", lambda text: len(text) <= LONGEST_TEXT, _LENGTH),
    ("description", lambda text: len(text) <= LONGEST_TEXT, _LENGTH),
    ("created_date", _is_moment, f"Field [created_date] {_MOMENT}"),
    ("authorised_date", _is_moment, f"Field [authorised_date] {_MOMENT}"),
    (
        "card_type",
        lambda text: text in CARD_TYPES,
        "Field [card_type] must be either master-card, visa, maestro, diners-club, american-express or jcb",
    ),
    (
        "card_expiry",
        _is_expiry,
        "Field [card_expiry] must have valid MM/YY",
    ),
    ("last_four_digits", _digits(4), "Field [last_four_digits] must be exactly 4 digits"),
    ("first_six_digits", _digits(6), "Field [first_six_digits] must be exactly 6 digits"),
)
