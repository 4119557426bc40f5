"""The tables by which payments, refunds, agreements and disputes move."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pay.agreements import states as agreements
from services.pay.disputes import states as disputes
from services.pay.payments import states as payments
from services.pay.refunds import states as refunds
from services.pay.transitions import IllegalMove, Table

PAYMENTS: Any = payments.PAYMENTS
TABLES: list[tuple[Any, Any, Any]] = [
    (payments.PAYMENTS, payments.State, payments.Event),
    (refunds.REFUNDS, refunds.State, refunds.Event),
    (agreements.AGREEMENTS, agreements.State, agreements.Event),
    (disputes.DISPUTES, disputes.State, disputes.Event),
]
each_table = pytest.mark.parametrize(("table", "state", "event"), TABLES)


@each_table
def test_table_and_types_name_the_same_states_and_events(table: Table[Any, Any], state: Any, event: Any) -> None:
    assert set(table.states) == set(get_args(state))
    assert table.events == set(get_args(event))
    assert {after for _, _, after in table.edges()} | set(table.births.values()) == set(get_args(state))


@each_table
def test_what_is_not_in_the_table_raises(table: Table[Any, Any], state: Any, event: Any) -> None:
    edges = {(before, name): after for before, name, after in table.edges()}
    for before in get_args(state):
        for name in get_args(event):
            if (before, name) in edges:
                assert table.may(before, name)
                assert table.after(before, name) == edges[before, name]
            else:
                assert not table.may(before, name)
                with pytest.raises(IllegalMove):
                    table.after(before, name)


@each_table
def test_every_state_is_reached_from_birth_and_leads_to_an_end(table: Table[Any, Any], state: Any, event: Any) -> None:
    after = {s: {a for b, _, a in table.edges(with_corrections=False) if b == s} for s in table.states}

    def reached(start: set[str]) -> set[str]:
        found = set(start)
        while more := {a for s in found for a in after[s]} - found:
            found |= more
        return found

    assert reached(set(table.births.values())) == set(table.states)
    if table.ends():
        assert all(reached({s}) & table.ends() for s in table.states)


@each_table
def test_table_can_be_drawn(table: Table[Any, Any], state: Any, event: Any) -> None:
    drawn = table.mermaid()
    assert drawn.startswith("stateDiagram-v2\n")
    for before, name, after in table.edges(with_corrections=False):
        assert f"    {before} --> {after}: {name}\n" in drawn


def test_only_corrections_leave_a_finished_payment_but_for_a_failed_capture() -> None:
    left = set()
    for before, _, after in PAYMENTS.edges(with_corrections=False):
        was, becomes = payments.external(before), payments.external(after)
        if was.finished:
            assert becomes.finished
            if was != becomes:
                left.add((before, after))
    assert left == {("capture_approved", "capture_failed"), ("capturing", "capture_failed")} | {
        ("capture_submitted", "capture_failed")
    }


@given(st.lists(st.sampled_from(sorted(get_args(payments.Event))), max_size=40))
def test_no_run_of_events_leaves_the_table_or_takes_money_twice(events: list[Any]) -> None:
    state: Any = "created"
    approvals = 0
    for event in events:
        if payments.PAYMENTS.may(state, event):
            state = payments.PAYMENTS.after(state, event)
            approvals += state == "capture_approved" and event != "capture_retried"
    assert state in get_args(payments.State)
    assert approvals <= 1
    assert payments.external(state).status in payments.SEARCHABLE


# every external state of contract section 1.5
@pytest.mark.parametrize(
    ("states", "status", "finished", "code", "message"),
    [
        (["created"], "created", False, None, None),
        (["queued", "started", "authorising", "action_required"], "started", False, None, None),
        (["authorised"], "submitted", False, None, None),
        (["capturable"], "capturable", False, None, None),
        (["capture_approved", "capturing", "capture_submitted", "captured"], "success", True, None, None),
        (["rejected"], "failed", True, "P0010", "Payment method rejected"),
        (["expired", "expire_cancelling"], "failed", True, "P0020", "Payment expired"),
        (["user_cancelled", "user_cancelling"], "failed", True, "P0030", "Payment was cancelled by the user"),
        (
            ["system_cancelled", "system_cancelling"],
            "cancelled",
            True,
            "P0040",
            "Payment was cancelled by the service",
        ),
        (["errored", "capture_failed"], "error", True, "P0050", "Payment provider returned an error"),
    ],
)
def test_states_are_shown_as_the_contract_has_them(
    states: list[str], status: str, finished: bool, code: str | None, message: str | None
) -> None:
    for state in states:
        assert payments.external(state) == payments.External(status, finished, code, message)
        assert state in payments.internal(status)


def test_every_state_is_shown_and_found_by_exactly_one_status() -> None:
    found = [state for status in payments.SEARCHABLE for state in payments.internal(status)]
    assert sorted(found) == sorted(get_args(payments.State))


def test_every_expirable_payment_can_end_for_each_cause_that_may_end_it() -> None:
    for state in payments.EXPIRABLE:
        for cause in get_args(payments.Cause):
            if cause == "payer" and state not in payments.CANCELLABLE_BY_PAYER:
                continue
            ways = [payments.ending(cause, via_provider=via) for via in (False, True)]
            assert any(payments.PAYMENTS.may(state, event) for event in ways), (state, cause)
            if state in payments.KNOWN_TO_PROVIDER:
                assert payments.PAYMENTS.may(state, ways[1])


def test_payment_past_authorisation_cannot_be_cancelled() -> None:
    for state in set(get_args(payments.State)) - payments.CANCELLABLE - {"queued"}:
        assert payments.external(state).finished


def test_webhook_names_are_the_contracts() -> None:
    assert set(payments.WEBHOOKS) <= payments.PAYMENTS.events
    assert payments.WEBHOOKS["capture_confirmed"] == "card_payment_captured"
    assert payments.WEBHOOKS["service_approved_for_capture"] == "card_payment_succeeded"
    assert payments.WEBHOOKS["cancelled_by_expiry"] == "card_payment_expired"
    assert payments.WEBHOOKS["cancelled_by_user"] == "card_payment_failed"
    assert refunds.WEBHOOKS["refund_succeeded"] == "card_payment_refunded"
    # a first decline that leaves another try is nobody's business yet
    assert "authorisation_declined" not in payments.WEBHOOKS
    assert "payment_started" not in payments.WEBHOOKS


def test_each_ending_of_a_payment_is_told_once() -> None:
    for before, event, after in PAYMENTS.edges():
        if after in ("rejected", "errored", "expired", "user_cancelled", "system_cancelled"):
            assert event in payments.WEBHOOKS, (before, event)
        if after.endswith("_cancelling"):
            assert event not in payments.WEBHOOKS


def test_refunds_are_shown_as_the_contract_has_them() -> None:
    assert {state: refunds.external(state) for state in get_args(refunds.State)} == {
        "created": "submitted",
        "submitted": "submitted",
        "refunded": "success",
        "failed": "error",
    }
    assert {s for s in get_args(refunds.State) if refunds.external(s) != "error"} == refunds.COUNTED


def test_agreement_becomes_active_again_by_a_new_card() -> None:
    for state in ("created", "active", "cancelled", "inactive"):
        assert agreements.AGREEMENTS.after(state, "agreement_set_up") == "active"  # type: ignore[arg-type]
    with pytest.raises(IllegalMove):
        agreements.AGREEMENTS.after("created", "agreement_cancelled_by_service")


def test_provider_words_for_disputes_become_the_contracts() -> None:
    words = ["fraudulent", "unrecognized", "subscription_canceled", "bank_cannot_process", None]
    told = ["fraudulent", "unrecognised", "subscription_cancelled", "other", "other"]
    assert [disputes.reason_of(word) for word in words] == told
