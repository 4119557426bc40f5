"""Query parameters of the four searches (contract section 1.9).

All parameters are read, and the names of all that are wrong are given in one refusal. A blank parameter counts as not
sent; of one that is repeated the first counts. Unknown ones are ignored, but in a search of agreements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, TypeVar

from msgspec import Struct

from services.pay.agreements.states import STATUSES as AGREEMENT_STATUSES
from services.pay.disputes.states import STATUSES as DISPUTE_STATUSES
from services.pay.errors import SearchInvalid, SearchParameterUnknown
from services.pay.payments.states import SEARCHABLE
from services.pay.requests.moments import read_day, read_moment
from services.pay.requests.paging import LARGEST_SIZE, Window, read_cursor
from services.pay.requests.parsing import is_blank, is_text

Read = TypeVar("Read")
Params = Iterable[tuple[str, str]]
Reader = Callable[[str], Any]

_WRONG = object()
_MOST_PAGES = 2**31 - 1
_BRAND_LENGTH = 20


class Search(Struct, frozen=True, kw_only=True):
    """What every search has. asked: what was sent, but for paging: the links of the pages repeat it."""

    asked: dict[str, str]
    window: Window


class PaymentSearch(Search, frozen=True, kw_only=True):
    """Which payments. None is any; () too. from_date, to_date: both exclusive, as in the original's code.

    state: a status of the wire. card_brands: lower case. email, cardholder_name: a part of it, in any case.
    from_settled_date, to_settled_date: inclusive.
    """

    reference: str | None = None
    email: str | None = None
    state: str | None = None
    card_brands: tuple[str, ...] = ()
    cardholder_name: str | None = None
    first_digits_card_number: str | None = None
    last_digits_card_number: str | None = None
    from_date: datetime | None = None
    to_date: datetime | None = None
    from_settled_date: date | None = None
    to_settled_date: date | None = None
    agreement_id: str | None = None


class RefundSearch(Search, frozen=True, kw_only=True):
    """Which refunds; dates as in PaymentSearch."""

    from_date: datetime | None = None
    to_date: datetime | None = None
    from_settled_date: date | None = None
    to_settled_date: date | None = None


class DisputeSearch(RefundSearch, frozen=True, kw_only=True):
    """Which disputes; dates as in PaymentSearch."""

    status: str | None = None


class AgreementSearch(Search, frozen=True, kw_only=True):
    """Which agreements."""

    reference: str | None = None
    status: str | None = None


def read_payment_search(params: Params) -> PaymentSearch:
    """Read the parameters of GET /v1/payments. Raises SearchInvalid."""
    return PaymentSearch(**_read(params, _PAYMENTS, "P0401"))


def read_refund_search(params: Params) -> RefundSearch:
    """Read the parameters of GET /v1/refunds. Raises SearchInvalid."""
    return RefundSearch(**_read(params, _REFUNDS, "P1101"))


def read_dispute_search(params: Params) -> DisputeSearch:
    """Read the parameters of GET /v1/disputes. Raises SearchInvalid."""
    return DisputeSearch(**_read(params, _DISPUTES, "P0401"))


def read_agreement_search(params: Params) -> AgreementSearch:
    """Read the parameters of GET /v1/agreements. Raises SearchInvalid, then SearchParameterUnknown."""
    params = list(params)
    values = _read(params, _AGREEMENTS, "P2401")
    unknown = [name for name, text in params if name not in _AGREEMENTS and not is_blank(text)]
    if unknown:
        raise SearchParameterUnknown(unknown[:1], code="P2401")
    return AgreementSearch(**values)


def _read(params: Params, readers: dict[str, Reader], code: str) -> dict[str, Any]:
    """The typed values by field, with `asked` and `window`."""
    sent: dict[str, str] = {}
    for name, text in params:
        if name in readers:
            sent.setdefault(name, text)
    sent = {name: sent[name] for name in readers if name in sent and not is_blank(sent[name])}
    values = {name: readers[name](text) if is_text(text) else _WRONG for name, text in sent.items()}
    wrong = [name for name, value in values.items() if value is _WRONG]
    if wrong:
        raise SearchInvalid(wrong, code=code)
    paging: dict[str, Any] = {_PAGING[name]: values.pop(name) for name in _PAGING if name in values}
    if "card_brand" in values:
        values["card_brands"] = values.pop("card_brand")
    asked = {name: text for name, text in sent.items() if name not in _PAGING}
    return {**values, "asked": asked, "window": Window(**paging)}


def _or_wrong(read: Callable[[str], Read | None]) -> Callable[[str], Any]:
    def reader(text: str) -> Any:
        value = read(text)
        return _WRONG if value is None else value

    return reader


def _at_most(longest: int) -> Reader:
    return lambda text: text if len(text) <= longest else _WRONG


def _digits(count: int) -> Reader:
    return lambda text: text if len(text) == count and text.isascii() and text.isdigit() else _WRONG


def _number(most: int) -> Reader:
    def reader(text: str) -> Any:
        # ten digits: the original stops at 32 bits
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return _WRONG
        return int(text) if 1 <= int(text) <= most else _WRONG

    return reader


def _one_of(words: tuple[str, ...]) -> Reader:
    return lambda text: text if text in words else _WRONG


def _brands(text: str) -> Any:
    if len(text) > _BRAND_LENGTH:
        return _WRONG
    return tuple(part for part in text.lower().split(",") if part)


_PAGING = {"page": "page", "display_size": "size", "cursor": "after"}
_PAGES: dict[str, Reader] = {
    "page": _number(_MOST_PAGES),
    "display_size": _number(LARGEST_SIZE),
    "cursor": _or_wrong(read_cursor),
}
_DATES: dict[str, Reader] = {"from_date": _or_wrong(read_moment), "to_date": _or_wrong(read_moment)}
_SETTLED: dict[str, Reader] = {"from_settled_date": _or_wrong(read_day), "to_settled_date": _or_wrong(read_day)}

# in the order in which the contract names what is wrong
_PAYMENTS: dict[str, Reader] = {
    "state": _one_of(SEARCHABLE),
    "reference": _at_most(255),
    "email": _at_most(254),
    "card_brand": _brands,
    **_DATES,
    **_PAGES,
    "agreement_id": _at_most(26),
    "first_digits_card_number": _digits(6),
    "last_digits_card_number": _digits(4),
    **_SETTLED,
    "cardholder_name": _at_most(255),
}
_REFUNDS: dict[str, Reader] = {**_DATES, **_SETTLED, **_PAGES}
_DISPUTES: dict[str, Reader] = {**_REFUNDS, "status": _one_of(DISPUTE_STATUSES)}
_AGREEMENTS: dict[str, Reader] = {"status": _one_of(AGREEMENT_STATUSES), "reference": _at_most(255), **_PAGES}
