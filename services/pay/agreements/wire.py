"""Agreements on the wire (contract sections 1.7 and 1.9)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from services.pay.agreements.facts import AgreementFacts
from services.pay.payments.facts import CardDetails
from services.pay.payments.wire import moment
from services.pay.requests.paging import Navigation


class PaymentInstrument(Struct, frozen=True, kw_only=True):
    card_details: CardDetails
    created_date: str
    type: str = "card"


class Agreement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """POST /v1/agreements, GET of one, and a row of a search."""

    agreement_id: str
    reference: str
    description: str
    status: str
    created_date: str
    user_identifier: str | None = None
    payment_instrument: PaymentInstrument | None = None
    cancelled_date: str | None = None


class AgreementPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET /v1/agreements. next_cursor: our addition."""

    total: int
    count: int
    page: int
    results: Sequence[Agreement]
    links: Navigation = field(name="_links")
    next_cursor: str | None = None


def agreement(facts: AgreementFacts) -> Agreement:
    """An agreement for its service."""
    instrument = None
    if facts.card is not None and facts.stored_at is not None:
        instrument = PaymentInstrument(card_details=facts.card, created_date=moment(facts.stored_at))
    return Agreement(
        agreement_id=facts.public_id,
        reference=facts.reference,
        description=facts.description,
        status=facts.state,
        created_date=moment(facts.created_at),
        user_identifier=facts.user_identifier,
        payment_instrument=instrument,
        cancelled_date=None if facts.cancelled_at is None else moment(facts.cancelled_at),
    )
