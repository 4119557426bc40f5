"""How an agreement moves (contract section 1.7), as one table; the wire shows its states as they are."""

from __future__ import annotations

from typing import Literal, TypeAlias

from services.pay.transitions import Table

State: TypeAlias = Literal["created", "active", "cancelled", "inactive"]
Event: TypeAlias = Literal[
    "agreement_created", "agreement_set_up", "agreement_cancelled_by_service", "agreement_inactivated"
]

AGREEMENTS: Table[State, Event] = Table(
    "agreement",
    births={"agreement_created": "created"},
    moves={
        "created": {"agreement_set_up": "active"},
        "active": {
            "agreement_set_up": "active",  # a newer card takes the place of the stored one
            "agreement_cancelled_by_service": "cancelled",
            # a recurring payment was rejected and trying again is no use
            "agreement_inactivated": "inactive",
        },
        "cancelled": {"agreement_set_up": "active"},
        "inactive": {"agreement_set_up": "active"},
    },
)

STATUSES = ("created", "active", "cancelled", "inactive")
# a service may charge the stored card, and may cancel
CHARGEABLE: frozenset[State] = frozenset({"active"})
CANCELLABLE = CHARGEABLE
