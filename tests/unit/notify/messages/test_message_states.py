"""The table of states: whatever happens, a message never leaves it."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.messages.states import (
    COMPLETED,
    FINAL,
    MOVES,
    REPORTABLE,
    ImpossibleMove,
    Status,
    check_move,
    may_move,
    pairs,
)

STATUSES = get_args(Status)
ENDS = FINAL - {"technical-failure"}
events = st.lists(st.sampled_from(STATUSES), max_size=30)


def _walk(wanted: list[str]) -> list[str]:
    """Where a message comes by when only moves of the table are made."""
    path = ["created"]
    for status in wanted:
        if may_move(path[-1], status):
            path.append(status)
    return path


def test_table_names_every_status_and_no_other() -> None:
    assert set(MOVES) == set(STATUSES)
    assert set().union(*MOVES.values()) <= set(STATUSES)


def test_every_status_can_be_reached_and_every_one_can_come_to_an_end() -> None:
    reached, ends_from = {"created"}, set(FINAL)
    for _ in STATUSES:
        reached |= {after for before in reached for after in MOVES[before]}
        ends_from |= {before for before, afters in MOVES.items() if afters & ends_from}
    assert reached == ends_from == set(STATUSES)


@given(events)
def test_no_sequence_of_wishes_leaves_the_table(wanted: list[str]) -> None:
    path = _walk(wanted)
    for before, after in pairwise(path):
        assert after in MOVES[before]
        check_move(before, after)


@given(events)
def test_nothing_comes_after_an_end(wanted: list[str]) -> None:
    path = _walk(wanted)
    assert not set(path[:-1]) & ENDS


@given(events)
def test_a_message_is_created_again_only_by_a_replay_of_a_technical_failure(wanted: list[str]) -> None:
    path = _walk(wanted)
    for before, after in pairwise(path):
        assert after != "created" or before == "technical-failure"


@given(st.lists(st.sampled_from(sorted(REPORTABLE)), max_size=20))
def test_receipts_in_any_order_and_number_move_a_message_at_most_twice(reports: list[str]) -> None:
    path = _walk(["sending", *reports])
    assert len(path) <= 4
    first_end = next((report for report in reports if report in FINAL), None)
    if first_end is not None:
        assert path[-1] == first_end


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES))
def test_move_outside_the_table_raises(before: str, after: str) -> None:
    if after in MOVES[before]:
        check_move(before, after)
    else:
        with pytest.raises(ImpossibleMove):
            check_move(before, after)


def test_same_status_is_no_move() -> None:
    assert not any(may_move(status, status) for status in STATUSES)


def test_pairs_are_the_table_in_columns() -> None:
    befores, afters = pairs()
    assert set(zip(befores, afters, strict=True)) == {(b, a) for b, targets in MOVES.items() for a in targets}
    befores, afters = pairs(REPORTABLE)
    assert set(afters) == REPORTABLE
    assert "technical-failure" not in befores


def test_ends_are_what_the_contract_gives_a_completed_at() -> None:
    assert {"delivered", "permanent-failure", "temporary-failure", "technical-failure", "cancelled"} == FINAL
    assert FINAL | {"sent"} == COMPLETED
