"""How a message moves (contract section 1.10), as one table.

    created ──► sending ──► delivered | permanent-failure | temporary-failure | technical-failure
       │           └──► pending ──► delivered | permanent-failure | temporary-failure
       ├──► sent (a text abroad without receipts) ──► delivered | permanent-failure | temporary-failure
       ├──► delivered | permanent-failure | temporary-failure | technical-failure
       └──► cancelled (scheduled, not yet due)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Status: TypeAlias = Literal[
    "created",
    "sending",
    "pending",
    "sent",
    "delivered",
    "permanent-failure",
    "temporary-failure",
    "technical-failure",
    "cancelled",
]

_REPORTED: frozenset[str] = frozenset({"delivered", "permanent-failure", "temporary-failure"})

MOVES: dict[str, frozenset[str]] = {
    # a receipt may overtake the record of the sending itself, hence created → reported
    "created": frozenset({"sending", "sent", "pending", "technical-failure", "cancelled"}) | _REPORTED,
    "sending": frozenset({"pending", "technical-failure"}) | _REPORTED,
    "pending": _REPORTED,
    "sent": _REPORTED,
    "delivered": frozenset(),
    "permanent-failure": frozenset(),
    "temporary-failure": frozenset(),
    "technical-failure": frozenset(),
    "cancelled": frozenset(),
}

FINAL = frozenset(state for state, targets in MOVES.items() if not targets)
# the statuses that have a completed_at on the wire: the final ones and `sent`
COMPLETED = FINAL | {"sent"}


class ImpossibleMove(Exception):
    """A message cannot go from this status to that one."""


def may_move(before: str, after: str) -> bool:
    return after in MOVES[before]


def check_move(before: str, after: str) -> None:
    """Raises ImpossibleMove for a move that is not in the table."""
    if not may_move(before, after):
        raise ImpossibleMove(f"{before} → {after}")


def origins(after: str) -> list[str]:
    """The statuses from which a message may move to `after`."""
    return sorted(state for state, targets in MOVES.items() if after in targets)
