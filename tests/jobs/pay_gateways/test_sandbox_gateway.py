"""The sandbox: every magic card's fate, its clock, its books, and what it never keeps."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from common import clock
from common.errors import PermanentProviderError, TransientProviderError
from services.pay.gateways.outcomes import Authorised, Cancelled, NeedsAction, Processing, Rejected
from services.pay.gateways.protocol import BadEvent
from services.pay.gateways.sandbox.challenge import POLICY, challenge_page

DAY_S = 86400


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        ("4444333322221111", Authorised, None),
        ("4917610000000000003", Authorised, None),
        ("371449635398431", Authorised, None),
        ("5105105105105100", Authorised, None),
        ("4131840000000003", Authorised, None),
        ("4000000000000259", Authorised, None),
        ("4000000000000002", Rejected, "generic-decline"),
        ("4000000000000069", Rejected, "expired-card"),
        ("4000000000000127", Rejected, "invalid-cvc"),
        ("4000000000009995", Rejected, "insufficient-funds"),
        ("6759649826438453", Rejected, "invalid-card-number"),
        ("4929000000006", Rejected, "invalid-card-number"),
        ("4000002500003155", NeedsAction, None),
        ("4000000000004087", Processing, None),
    ],
)
async def test_magic_card_meets_its_fate(sandbox_rig, make_order, number, kind, reason):
    outcome = await sandbox_rig.enter(make_order(), number)
    assert isinstance(outcome, kind)
    assert getattr(outcome, "reason", None) == reason


async def test_error_card_is_a_fault_of_the_provider(sandbox_rig, make_order):
    with pytest.raises(PermanentProviderError, match="processing error"):
        await sandbox_rig.enter(make_order(), "4000000000000119")


@pytest.mark.parametrize(
    ("number", "prepaid", "corporate"),
    [("4242424242424242", False, False), ("4000160000000004", True, False), ("4131840000000003", True, True)],
)
async def test_card_tells_prepaid_and_corporate(sandbox_rig, make_order, number, prepaid, corporate):
    outcome = await sandbox_rig.enter(make_order(), number)
    assert (outcome.card.is_prepaid, outcome.card.is_corporate) == (prepaid, corporate)
    assert (outcome.card.first_six, outcome.card.last_four) == (number[:6], number[-4:])


async def test_unknown_card_is_authorised_and_says_nothing(sandbox_rig, make_order, make_key):
    order, key = make_order(), make_key()
    with pytest.raises(TransientProviderError) as raised:
        await sandbox_rig.enter(order, "4000000000005043", key=key)
    assert raised.value.sent_unknown
    found = await sandbox_rig.gateway.find(order.public_id, key=key)
    assert isinstance(found.outcome, Authorised)
    assert (await sandbox_rig.enter(order, "4000000000005043", key=key)).provider_reference == found.provider_reference


async def test_slow_card_answers_by_the_clock_and_tells(sandbox_rig, make_order, later):
    outcome = await sandbox_rig.enter(make_order(), "4000000000004087")
    assert isinstance(await sandbox_rig.gateway.finish_action(outcome.provider_reference), Processing)
    later(4)
    assert isinstance(await sandbox_rig.gateway.finish_action(outcome.provider_reference), Authorised)
    assert [event.kind for event in await news(sandbox_rig)] == ["authorised"]


@pytest.mark.parametrize(
    ("number", "reason", "can_retry"),
    [("5105105105105100", "generic-decline", True), ("4000000000000341", "stolen-card", False)],
)
async def test_card_good_once_is_declined_when_recurring(sandbox_rig, make_order, make_key, number, reason, can_retry):
    first = await sandbox_rig.enter(make_order(keep_card=True), number)
    again = await sandbox_rig.gateway.charge_agreement(make_order(), first.stored, key=make_key())
    assert isinstance(again, Rejected)
    assert (again.reason, again.can_retry) == (reason, can_retry)


async def test_challenge_cancelled_by_the_payer(sandbox_rig, make_order):
    outcome = await sandbox_rig.enter(make_order(), "4000002500003155")
    await sandbox_rig.provider.answer_challenge(outcome.provider_reference, "cancel")
    assert isinstance(await sandbox_rig.gateway.finish_action(outcome.provider_reference), Cancelled)


async def test_challenge_is_answered_once(sandbox_rig, make_order):
    order = make_order()
    outcome = await sandbox_rig.enter(order, "4000002500003155")
    answers = ["authenticate", "fail", "cancel"]
    for answer in answers:
        assert await sandbox_rig.provider.answer_challenge(outcome.provider_reference, answer) == order.return_url
    assert isinstance(await sandbox_rig.gateway.finish_action(outcome.provider_reference), Authorised)


async def test_card_may_be_declined_after_the_challenge(sandbox_rig, make_order):
    outcome = await sandbox_rig.enter(make_order(), "4000008260003178")
    await sandbox_rig.challenge(outcome.redirect_url, passed=True)
    finished = await sandbox_rig.gateway.finish_action(outcome.provider_reference)
    assert (finished.reason, finished.card.last_four) == ("insufficient-funds", "3178")


@pytest.mark.parametrize("language", ["en", "cy", "es"])
async def test_challenge_page_asks_and_then_leads_on(sandbox_rig, make_order, language):
    outcome = await sandbox_rig.enter(make_order(return_url='https://team.example/?a="b'), "4000002500003155")
    challenge = await sandbox_rig.provider.challenge(outcome.provider_reference)
    page = challenge_page(challenge, action="/sandbox/3ds/x", language=language)
    assert f'lang="{language}"' in page
    assert "145.00 GBP" in page
    assert page.count("<button") == 3
    assert "script-src" not in POLICY
    await sandbox_rig.provider.answer_challenge(outcome.provider_reference, "fail")
    page = challenge_page(
        await sandbox_rig.provider.challenge(outcome.provider_reference), action="/x", language=language
    )
    assert "<button" not in page
    assert 'href="https://team.example/?a=&#34;b"' in page
    assert await sandbox_rig.provider.challenge("sbp_nobody") is None


# by the clock ---------------------------------------------------------------------------------------------------------


async def news(rig):
    """Events that nobody has taken, as a webhook would read them; then taken."""
    await rig.provider.tick()
    waiting = await rig.provider.undelivered()
    assert [one.id for one in waiting] == [one.id for one in await rig.provider.undelivered()]
    await rig.provider.delivered([one.id for one in waiting])
    return [event for one in waiting for event in rig.provider.read_events(one.raw, one.headers)]


@pytest.mark.parametrize(("number", "end"), [("4000000000000259", "lost"), ("4000000000002685", "won")])
async def test_dispute_runs_by_the_clock(sandbox_rig, make_key, later, number, end):
    order, reference = await sandbox_rig.captured(number)
    seen = []
    for _ in range(4):
        seen += await news(sandbox_rig)
        later(6)
    assert [event.details.status for event in seen] == ["needs_response", "under_review", end]
    assert {event.public_id for event in seen} == {order.public_id}
    assert {event.provider_reference for event in seen} == {reference}
    dispute = await sandbox_rig.gateway.find_dispute(seen[0].details.dispute_reference)
    assert (dispute.status, dispute.amount_minor, dispute.fee_minor) == (end, 14500, 1500)
    assert (await sandbox_rig.gateway.find(order.public_id)).is_disputed is (end == "lost")
    if end == "won":
        assert (await sandbox_rig.gateway.refund(reference, 1, key=make_key())).status == "success"


async def test_dispute_waits_for_evidence_when_asked_to(sandbox_rig, make_order, make_card, make_key, later):
    order = make_order()
    card = make_card("4000000000000259", cardholder_name="skip_evidence")
    outcome = await sandbox_rig.gateway.authorise(order, card, key=make_key())
    await sandbox_rig.gateway.capture(outcome.provider_reference, 14500, key=make_key())
    later(DAY_S)
    kinds = [event for event in await news(sandbox_rig) if event.kind == "dispute-changed"]
    assert [event.details.status for event in kinds] == ["needs_response"]


async def test_refund_may_fail_later(sandbox_rig, make_key, later):
    order, reference = await sandbox_rig.captured("4000000000005126")
    key = make_key()
    assert (await sandbox_rig.gateway.refund(reference, 500, key=key)).status == "submitted"
    later(6)
    (event,) = await news(sandbox_rig)
    assert (event.kind, event.details.key, event.details.refund.status) == ("refund-changed", key, "error")
    assert (await sandbox_rig.gateway.find_refund(reference, key=key)).status == "error"
    assert (await sandbox_rig.gateway.find(order.public_id)).refunded_minor == 0


async def payouts(rig):
    return [payout async for payout in rig.gateway.payouts(clock.now() - timedelta(days=30))]


async def test_money_is_paid_out_on_the_next_day_once(sandbox_rig, make_key, later):
    _, first = await sandbox_rig.captured()
    await sandbox_rig.captured("4000000000002685", amount_minor=9000)
    refund = await sandbox_rig.gateway.refund(first, 500, key=make_key())
    assert await payouts(sandbox_rig) == []
    later(DAY_S)
    await asyncio.gather(*(sandbox_rig.provider.tick() for _ in range(4)))
    (payout,) = await payouts(sandbox_rig)
    kinds = sorted(item.kind for item in payout.items)
    assert kinds == ["dispute", "payment", "payment", "refund"]
    assert payout.amount_minor == sum(item.net_minor for item in payout.items)
    assert payout.amount_minor == 14500 - 238 + 9000 - 155 - 500 - 9000 - 1500
    assert all(item.net_minor == item.amount_minor - item.fee_minor for item in payout.items)
    (refunded,) = (item for item in payout.items if item.kind == "refund")
    assert (refunded.source_reference, refunded.payment_reference) == (refund.provider_reference, first)
    assert payout.arrives_on == clock.now().date()
    assert await payouts(sandbox_rig) == [payout]
    assert "payout-changed" in {event.kind for event in await news(sandbox_rig)}


async def test_debt_waits_for_the_next_days_money(sandbox_rig, make_key, later):
    _, reference = await sandbox_rig.captured(amount_minor=1000)
    await sandbox_rig.gateway.refund(reference, 1000, key=make_key())
    later(DAY_S)
    assert await payouts(sandbox_rig) == []
    await sandbox_rig.captured(amount_minor=2000)
    later(DAY_S)
    (payout,) = await payouts(sandbox_rig)
    assert payout.amount_minor == 1000 - 35 - 1000 + 2000 - 50
    assert len(payout.items) == 3


# what it keeps --------------------------------------------------------------------------------------------------------


async def test_nothing_personal_stands_in_the_sandboxs_tables(sandbox_rig, make_order, make_card, make_key, db):
    number = "4000056655665556"
    card = make_card(number, cvc="987", cardholder_name="Grace Hopper-Payer")
    order = make_order(keep_card=True)
    outcome = await sandbox_rig.gateway.authorise(order, card, key=make_key())
    await sandbox_rig.gateway.capture(outcome.provider_reference, 100, key=make_key())
    await sandbox_rig.gateway.charge_agreement(make_order(), outcome.stored, key=make_key())
    async with db.reading() as tx:
        names = await tx.fetch("select tablename from pg_tables where schemaname = 'pay' and tablename ~ '^sandbox'")
        rows = [row for (name,) in names for row in await tx.fetch(f"select t::text from pay.{name} t")]
    everything = "".join(map(str, rows))
    assert outcome.provider_reference in everything
    for secret in (number, number[6:], "Grace", order.email, order.description, order.reference):
        assert secret not in everything


async def test_replay_gives_the_holder_back(sandbox_rig, make_order, make_card, make_key):
    order, key, card = make_order(), make_key(), make_card()
    first = await sandbox_rig.gateway.authorise(order, card, key=key)
    assert await sandbox_rig.gateway.authorise(order, card, key=key) == first
    assert first.card.cardholder_name == card.cardholder_name


async def test_accounts_do_not_see_each_other(sandbox_rig, make_account, make_key):
    order, reference = await sandbox_rig.captured()
    other = sandbox_rig.provider.of(make_account("sandbox"))
    assert await other.find(order.public_id) is None
    assert await other.find(order.public_id, reference) is None
    with pytest.raises(PermanentProviderError):
        await other.refund(reference, 1, key=make_key())


async def test_event_that_was_touched_or_is_old_is_refused(sandbox_rig, later):
    await sandbox_rig.captured("4000000000000259")
    (one,) = await sandbox_rig.provider.undelivered()
    for raw, headers in (
        (one.raw + b" ", one.headers),
        (one.raw, {}),
        (one.raw, {"Sandbox-Signature": "t=1,v1=" + "0" * 64}),
    ):
        with pytest.raises(BadEvent):
            sandbox_rig.gateway.read_events(raw, headers)
    later(301)
    with pytest.raises(BadEvent, match="old"):
        sandbox_rig.gateway.read_events(one.raw, one.headers)


KILLED = """
import asyncio, sys
from common.db import Database
from common.ids import uuid7
from uuid import UUID
from services.pay.gateways.protocol import Account
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.sandbox.provider import SandboxProvider

async def main(dsn, account, reference, key, moment):
    async with Database(dsn) as db:
        provider = SandboxProvider(db, challenge_url="x", secret="x", faults=Faults(f"capture:kill-{moment}"))
        account = Account(id=UUID(account), service_id=uuid7(), mode="test", provider="sandbox")
        await provider.of(account).capture(reference, 14500, key=key)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_sandbox_knows_the_truth_after_a_kill(sandbox_rig, make_key, db, moment):
    reference, key = await sandbox_rig.authorised(), make_key()
    arguments = [sys.executable, "-c", KILLED, db.dsn, str(sandbox_rig.account.id), reference, key, moment]
    ended = await asyncio.to_thread(subprocess.run, arguments, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert (await sandbox_rig.gateway.find("", reference)).is_captured is (moment == "after")
    await sandbox_rig.gateway.capture(reference, 14500, key=key)
    view = await sandbox_rig.gateway.find("", reference)
    assert (view.captured_minor, view.fee_minor) == (14500, 238)
