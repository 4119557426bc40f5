"""How a message moves (contract section 1.10), as one table.

created ──► sending ──► delivered | permanent-failure | temporary-failure | technical-failure
   │           └──► pending ──► delivered | permanent-failure | temporary-failure
   ├──► sent (a text abroad without receipts) ──► delivered | permanent-failure | temporary-failure
   ├──► delivered | permanent-failure | temporary-failure | technical-failure
   └──► cancelled (scheduled, not yet due)
technical-failure ──► created (an operator replays it once the cause is mended)
"""

from __future__ import annotations

from collections.abc import Iterable
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
# what a provider's receipt can move a message to
REPORTABLE = _REPORTED | {"pending"}

MOVES: dict[str, frozenset[str]] = {
    # a receipt may overtake the record of the sending itself, hence created → reported
    "created": frozenset({"sending", "sent", "pending", "technical-failure", "cancelled"}) | _REPORTED,
    "sending": frozenset({"pending", "technical-failure"}) | _REPORTED,
    "pending": _REPORTED,
    "sent": _REPORTED,
    "delivered": frozenset(),
    "permanent-failure": frozenset(),
    "temporary-failure": frozenset(),
    "technical-failure": frozenset({"created"}),
    "cancelled": frozenset(),
}

# what callers may take as the end; only an operator's replay leaves technical-failure again
FINAL = frozenset(state for state, targets in MOVES.items() if not targets) | {"technical-failure"}
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


def pairs(afters: Iterable[str] | None = None) -> tuple[list[str], list[str]]:
    """Moves as two columns (before, after), for a statement that moves many messages at once.

    afters: only the moves that end in one of these.
    """
    wanted = set(MOVES) if afters is None else set(afters)
    moves = [(before, after) for before, targets in MOVES.items() for after in sorted(targets & wanted)]
    return [before for before, _ in moves], [after for _, after in moves]
