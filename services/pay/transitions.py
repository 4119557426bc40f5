"""How a thing moves: one table of states and events for each kind of thing, and what can be asked of such a table.

An event, met in a state, leads to exactly one state; what is not in the table does not happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

State = TypeVar("State", bound=str)
Event = TypeVar("Event", bound=str)


class IllegalMove(Exception):
    """The event cannot happen in this state."""

    def __init__(self, thing: str, state: str, event: str) -> None:
        super().__init__(f"{thing}: {event} cannot happen in {state}")
        self.state = state
        self.event = event


class Table(Generic[State, Event]):
    """The moves of one kind of thing.

    births: the event that makes one, and the state it is made in. moves: for each state, the state each event leads to.
    corrections: events by which we follow the provider's truth from any state but the one they lead to.
    """

    def __init__(
        self,
        thing: str,
        *,
        births: Mapping[Event, State],
        moves: Mapping[State, Mapping[Event, State]],
        corrections: Mapping[Event, State] | None = None,
    ) -> None:
        self.thing = thing
        self.births = dict(births)
        self.corrections = dict(corrections or {})
        self._planned = {state: dict(targets) for state, targets in moves.items()}
        self._moves: dict[State, dict[Event, State]] = {
            state: {**targets, **{event: after for event, after in self.corrections.items() if after != state}}
            for state, targets in self._planned.items()
        }

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(self._moves)

    @property
    def events(self) -> frozenset[Event]:
        """All events, births included."""
        return frozenset(self.births) | {event for _, event, _ in self.edges()}

    def after(self, state: State, event: Event) -> State:
        """The state that the event leads to. Raises IllegalMove."""
        try:
            return self._moves[state][event]
        except KeyError:
            raise IllegalMove(self.thing, state, event) from None

    def may(self, state: State, event: Event) -> bool:
        return event in self._moves.get(state, {})

    def edges(self, *, with_corrections: bool = True) -> Iterator[tuple[State, Event, State]]:
        """Every move as (before, event, after)."""
        for state, targets in (self._moves if with_corrections else self._planned).items():
            for event, after in targets.items():
                yield state, event, after

    def ends(self) -> frozenset[State]:
        """The states that nothing but a correction leaves."""
        return frozenset(state for state, targets in self._planned.items() if not targets)

    def mermaid(self) -> str:
        """The table as a mermaid state diagram; corrections are named once, not drawn from every state."""
        lines = ["stateDiagram-v2"]
        lines += [f"    [*] --> {state}: {event}" for event, state in self.births.items()]
        lines += [f"    {before} --> {after}: {event}" for before, event, after in self.edges(with_corrections=False)]
        lines += [f"    {state} --> [*]" for state in self.states if state in self.ends()]
        lines += [f"    %% from any state: {event} --> {state}" for event, state in self.corrections.items()]
        return "\n".join(lines) + "\n"
