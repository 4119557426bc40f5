"""Disputes on the wire (contract section 1.9)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from services.pay.disputes.facts import DisputeFacts
from services.pay.payments.wire import Link, Places, moment
from services.pay.refunds.wire import Settled
from services.pay.requests.paging import Navigation


class DisputeLinks(Struct, frozen=True):
    payment: Link


class Dispute(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"links": "_links"}):
    """A row of GET /v1/disputes."""

    amount: int
    created_date: str
    dispute_id: str
    payment_id: str
    reason: str
    status: str
    settlement_summary: Settled
    links: DisputeLinks
    evidence_due_date: str | None = None
    fee: int | None = None
    net_amount: int | None = None


class DisputePage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET /v1/disputes, the one search whose links are not called `_links`. next_cursor: our addition."""

    total: int
    count: int
    page: int
    results: Sequence[Dispute]
    links: Navigation
    next_cursor: str | None = None


def dispute(facts: DisputeFacts, places: Places) -> Dispute:
    """A dispute for its service."""
    return Dispute(
        amount=facts.amount_minor,
        created_date=moment(facts.created_at),
        dispute_id=facts.public_id,
        payment_id=facts.payment_id,
        reason=facts.reason,
        status=facts.state,
        settlement_summary=Settled(facts.settled_on),
        links=DisputeLinks(Link(f"{places.api}/v1/payments/{facts.payment_id}")),
        evidence_due_date=None if facts.evidence_due_at is None else moment(facts.evidence_due_at),
        fee=facts.fee_minor,
        net_amount=facts.net_minor,
    )
