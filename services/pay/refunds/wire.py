"""Refunds on the wire (contract sections 1.6 and 1.9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct, field

from services.pay.payments.wire import Link, Places, moment
from services.pay.refunds.facts import RefundFacts
from services.pay.refunds.states import external
from services.pay.requests.paging import Navigation


class Settled(Struct, frozen=True, omit_defaults=True):
    settled_date: date | None = None


class RefundLinks(Struct, frozen=True):
    itself: Link = field(name="self")
    payment: Link


class Refund(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """202 of POST /v1/payments/{id}/refunds, and GET of one; with payment_id a row of a search."""

    refund_id: str
    created_date: str
    amount: int
    status: str
    settlement_summary: Settled
    links: RefundLinks = field(name="_links")
    payment_id: str | None = None


class RefundsOfPayment(Struct, frozen=True, kw_only=True):
    """GET /v1/payments/{id}/refunds."""

    payment_id: str
    links: RefundLinks = field(name="_links")
    embedded: Embedded = field(name="_embedded")


class Embedded(Struct, frozen=True):
    refunds: list[Refund]


class RefundPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET /v1/refunds. next_cursor: our addition."""

    total: int
    count: int
    page: int
    results: Sequence[Refund]
    links: Navigation = field(name="_links")
    next_cursor: str | None = None


def refund(facts: RefundFacts, places: Places) -> Refund:
    """A refund for its service."""
    return _refund(facts, places, None)


def refund_row(facts: RefundFacts, places: Places) -> Refund:
    """A refund in a search, where nothing else says which payment it belongs to."""
    return _refund(facts, places, facts.payment_id)


def refunds_of_payment(payment_id: str, refunds: Iterable[RefundFacts], places: Places) -> RefundsOfPayment:
    """All refunds of a payment, whatever became of them."""
    payment = f"{places.api}/v1/payments/{payment_id}"
    return RefundsOfPayment(
        payment_id=payment_id,
        links=RefundLinks(Link(payment + "/refunds"), Link(payment)),
        embedded=Embedded([refund(facts, places) for facts in refunds]),
    )


def _refund(facts: RefundFacts, places: Places, payment_id: str | None) -> Refund:
    payment = f"{places.api}/v1/payments/{facts.payment_id}"
    return Refund(
        refund_id=facts.public_id,
        created_date=moment(facts.created_at),
        amount=facts.amount_minor,
        status=external(facts.state),
        settlement_summary=Settled(facts.settled_on),
        links=RefundLinks(Link(f"{payment}/refunds/{facts.public_id}"), Link(payment)),
        payment_id=payment_id,
    )
