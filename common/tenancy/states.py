"""How a service may move between its states, and what each move is called."""

from __future__ import annotations

from common.errors import Conflict

MOVES: dict[str, frozenset[str]] = {
    "trial": frozenset({"live", "suspended", "archived"}),
    "live": frozenset({"trial", "suspended", "archived"}),
    "suspended": frozenset({"trial", "live", "archived"}),
    "archived": frozenset(),
}


class MoveRefused(Conflict):
    """A service cannot go from its present state to the one asked for."""

    status, kind, title = 409, "service-move-refused", "The service cannot become this"


def check_move(before: str, after: str) -> None:
    """Raises MoveRefused for a move that is not in the table."""
    if after not in MOVES[before]:
        raise MoveRefused(f"A service that is {before} cannot become {after}.")
