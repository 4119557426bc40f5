"""How a refund moves (contract section 1.6), as one table.

`created` is the recorded intent: until the provider answered, or was asked, nobody knows more.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from services.pay.transitions import Table

State: TypeAlias = Literal["created", "submitted", "refunded", "failed"]
Event: TypeAlias = Literal[
    "refund_created", "refund_submitted", "refund_succeeded", "refund_failed", "refund_corrected_to_succeeded"
]

REFUNDS: Table[State, Event] = Table(
    "refund",
    births={"refund_created": "created"},
    moves={
        "created": {"refund_submitted": "submitted", "refund_succeeded": "refunded", "refund_failed": "failed"},
        "submitted": {"refund_succeeded": "refunded", "refund_failed": "failed"},
        # the payer's bank may send the money back days later
        "refunded": {"refund_failed": "failed"},
        "failed": {},
    },
    corrections={"refund_corrected_to_succeeded": "refunded"},
)

AWAITING_PROVIDER: frozenset[State] = frozenset({"created", "submitted"})
# these take from what is left to refund
COUNTED: frozenset[State] = frozenset({"created", "submitted", "refunded"})

_EXTERNAL: dict[str, str] = {"created": "submitted", "submitted": "submitted", "refunded": "success", "failed": "error"}

WEBHOOKS: dict[Event, str] = {
    "refund_succeeded": "card_payment_refunded",
    "refund_corrected_to_succeeded": "card_payment_refunded",
}


def external(state: str) -> str:
    """The status as the wire shows it: submitted, success or error."""
    return _EXTERNAL[state]
