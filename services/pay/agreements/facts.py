"""What is told of an agreement: rows become these, and these become answers and webhooks."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from services.pay.payments.facts import CardDetails


class AgreementFacts(Struct, kw_only=True):
    """All that is told of an agreement. card, stored_at: of the card that is kept for it."""

    public_id: str
    reference: str
    description: str
    state: str
    created_at: datetime
    user_identifier: str | None = None
    card: CardDetails | None = None
    stored_at: datetime | None = None
    cancelled_at: datetime | None = None
