"""What is told of a refund: rows become these, and these become answers and webhooks."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class RefundFacts(Struct, kw_only=True):
    """All that is told of a refund. payment_id: the payment's public one."""

    public_id: str
    payment_id: str
    amount_minor: int
    state: str
    created_at: datetime
    settled_on: date | None = None
