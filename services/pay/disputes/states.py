"""How a dispute moves (contract sections 1.9 and 3.1), as one table; the wire shows its states as they are."""

from __future__ import annotations

from typing import Literal, TypeAlias

from services.pay.transitions import Table

State: TypeAlias = Literal["needs_response", "under_review", "won", "lost"]
Event: TypeAlias = Literal["dispute_created", "evidence_submitted", "dispute_won", "dispute_lost"]

DISPUTES: Table[State, Event] = Table(
    "dispute",
    births={"dispute_created": "needs_response"},
    moves={
        "needs_response": {"evidence_submitted": "under_review", "dispute_won": "won", "dispute_lost": "lost"},
        "under_review": {"dispute_won": "won", "dispute_lost": "lost"},
        "won": {},
        "lost": {},
    },
)

STATUSES = ("needs_response", "under_review", "lost", "won")
REASONS = (
    "credit_not_processed",
    "duplicate",
    "fraudulent",
    "general",
    "product_not_received",
    "product_unacceptable",
    "unrecognised",
    "subscription_cancelled",
    "other",
)


def reason_of(named: str | None) -> str:
    """A provider's word for why, as the wire says it; words of which the contract knows nothing are `other`."""
    if named == "unrecognized":
        return "unrecognised"
    if named == "subscription_canceled":
        return "subscription_cancelled"
    return named if named in REASONS else "other"
