"""How a service may move between its states."""

from __future__ import annotations

from common.errors import Conflict

MOVES: dict[str, frozenset[str]] = {
    "trial": frozenset({"live", "suspended", "archived"}),
    "live": frozenset({"trial", "suspended", "archived"}),
    "suspended": frozenset({"trial", "live", "archived"}),
    "archived": frozenset(),
}


def check_move(before: str, after: str) -> None:
    """Raises Conflict for a move that is not in the table."""
    if after not in MOVES[before]:
        raise Conflict(f"A service that is {before} cannot become {after}.")
