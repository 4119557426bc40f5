"""What is told of a dispute: rows become these, and these become answers and webhooks."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class DisputeFacts(Struct, kw_only=True):
    """All that is told of a dispute. payment_id: the payment's public one. net_minor: negative, of a lost one only."""

    public_id: str
    payment_id: str
    amount_minor: int
    reason: str
    state: str
    created_at: datetime
    evidence_due_at: datetime | None = None
    fee_minor: int | None = None
    net_minor: int | None = None
    settled_on: date | None = None
