"""Stripe: what is its own, against our own Stripe server."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta

import httpx
import pytest

from common import clock
from common.errors import PermanentProviderError, TransientProviderError
from services.pay.gateways.outcomes import Authorised, Cancelled, NeedsAction, Rejected
from services.pay.gateways.protocol import NotOffered
from services.pay.gateways.stripe_gateway.platform import StripePlatform
from services.pay.testing.stripe_server.server import API_KEY

PAGES = {"success_url": "https://team.example/ok", "cancel_url": "https://team.example/no", "language": "en"}


async def entry(rig, order, key):
    return await rig.gateway.hosted_entry(order, **PAGES, key=key)


# the hosted page ------------------------------------------------------------------------------------------------------


async def test_same_key_opens_the_same_page(stripe_rig, make_order, make_key):
    order, key = make_order(), make_key()
    assert await entry(stripe_rig, order, key) == await entry(stripe_rig, order, key)
    assert (await entry(stripe_rig, order, make_key())).url != (await entry(stripe_rig, order, key)).url


async def test_page_is_for_cards_authorised_and_not_captured(stripe_rig, make_order, make_key):
    key, order = make_key(), make_order(expires_at=clock.now() + timedelta(minutes=90))
    await stripe_rig.gateway.hosted_entry(order, **{**PAGES, "language": "cy"}, key=key)
    (call,) = stripe_rig.fake.calls
    assert call.key == f"hosted-{key}"
    assert call.params["allowed_payment_method_types"] == ["card"]
    assert call.params["payment_intent_data"]["capture_method"] == "manual"
    assert call.params["payment_intent_data"]["metadata"]["colonnade_payment"] == order.public_id
    assert call.params["locale"] == "en-GB"
    assert int(call.params["expires_at"]) == int(order.expires_at.timestamp())
    assert order.reference not in json.dumps(call.params)


async def test_payer_may_try_another_card_on_the_page(stripe_rig, make_order, make_key):
    order = make_order()
    made = await entry(stripe_rig, order, make_key())
    assert stripe_rig.fake.pay(made.url, "4000000000000002") == made.url
    waiting = await stripe_rig.gateway.finish_action(made.provider_reference)
    assert waiting == NeedsAction(provider_reference=made.provider_reference, redirect_url=made.url)
    assert stripe_rig.fake.pay(made.url, "4000056655665556") == PAGES["success_url"]
    finished = await stripe_rig.gateway.finish_action(made.provider_reference)
    assert isinstance(finished, Authorised)
    assert (finished.card.type, finished.card.last_four) == ("debit", "5556")
    assert finished.provider_reference.startswith("pi_")


async def test_prepaid_card_is_told(stripe_rig, make_order):
    outcome = await stripe_rig.enter(make_order(), "5105105105105100")
    assert (outcome.card.brand, outcome.card.type, outcome.card.is_prepaid) == ("master-card", None, True)


async def test_page_that_ran_out_comes_to_nothing(stripe_rig, make_order, make_key, later):
    made = await entry(stripe_rig, make_order(expires_at=clock.now() + timedelta(minutes=31)), make_key())
    later(32 * 60)
    assert isinstance(await stripe_rig.gateway.finish_action(made.provider_reference), Cancelled)


async def test_cancel_closes_the_page(stripe_rig, make_order, make_key):
    made, key = await entry(stripe_rig, make_order(), make_key()), make_key()
    await stripe_rig.gateway.cancel(made.provider_reference, key=key)
    await stripe_rig.gateway.cancel(made.provider_reference, key=key)
    with httpx.Client(trust_env=False) as browser:
        assert browser.get(made.url).status_code == 410
    assert isinstance(await stripe_rig.gateway.finish_action(made.provider_reference), Cancelled)


async def test_cancel_reaches_a_payer_who_was_quicker(stripe_rig, make_order, make_key):
    order = make_order()
    made = await entry(stripe_rig, order, make_key())
    stripe_rig.fake.pay(made.url, "4242424242424242")
    await stripe_rig.gateway.cancel(made.provider_reference, key=make_key())
    assert isinstance((await stripe_rig.gateway.find(order.public_id)).outcome, Cancelled)


async def test_what_stripe_cannot_do_is_not_offered(stripe_rig, make_order, make_card, make_key):
    with pytest.raises(NotOffered):
        await stripe_rig.gateway.authorise(make_order(), make_card(), key=make_key())
    with pytest.raises(NotOffered):
        await entry(stripe_rig, make_order(is_moto=True), make_key())
    assert stripe_rig.fake.calls == []


async def test_less_than_stripe_takes_is_refused(stripe_rig, make_order, make_key):
    with pytest.raises(PermanentProviderError, match="amount_too_small"):
        await entry(stripe_rig, make_order(amount_minor=29), make_key())


# faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "unknown", "down"),
    [
        ("429", "rate_limit|429", False, False),
        ("401", "401", False, True),
        ("500-before", "500", True, False),
        ("500-after", "500", True, False),
        ("drop-after", "connection lost", True, False),
    ],
)
async def test_fault_tells_whether_the_call_may_have_worked(stripe_rig, make_key, fault, reason, unknown, down):
    reference = await stripe_rig.authorised()
    stripe_rig.fake.faults.add("capture", fault)
    with pytest.raises(TransientProviderError, match=reason) as raised:
        await stripe_rig.gateway.capture(reference, 14500, key=make_key())
    assert (raised.value.sent_unknown, raised.value.provider_down) == (unknown, down)


async def test_no_answer_in_time_is_unknown(stripe_rig, make_key, fake):
    platform = StripePlatform((API_KEY,), api_base=fake.url, timeout_s=0.3, deadline_s=5, network_retries=0)
    reference = await stripe_rig.authorised()
    fake.faults.add("refund", "hang-before")
    with pytest.raises(TransientProviderError) as raised:
        await platform.of(stripe_rig.account).refund(reference, 1, key=make_key())
    assert raised.value.sent_unknown
    await platform.close()


async def test_all_repeats_together_keep_the_deadline(stripe_rig, make_key, fake):
    platform = StripePlatform((API_KEY,), api_base=fake.url, timeout_s=20, deadline_s=0.5, network_retries=5)
    fake.faults.add("cancel", "hang-before")
    began = time.monotonic()
    with pytest.raises(TransientProviderError, match="timeout") as raised:
        await platform.of(stripe_rig.account).cancel("pi_x", key=make_key())
    assert raised.value.sent_unknown
    assert time.monotonic() - began < 5
    await platform.close()


async def test_stripe_that_nobody_reaches_was_not_called(stripe_rig, make_key):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        platform = StripePlatform((API_KEY,), api_base=f"http://127.0.0.1:{free.getsockname()[1]}", network_retries=0)
        with pytest.raises(TransientProviderError, match="no connection") as raised:
            await platform.of(stripe_rig.account).refund("pi_x", 1, key=make_key())
        assert (raised.value.sent_unknown, raised.value.provider_down) == (False, True)
        await platform.close()


async def test_lost_answer_is_repeated_under_the_same_key(stripe_rig, make_key, fake):
    platform = StripePlatform((API_KEY,), api_base=fake.url, network_retries=1)
    _, reference = await stripe_rig.captured()
    fake.calls.clear()
    fake.faults.add("refund", "drop-after")
    refunded = await platform.of(stripe_rig.account).refund(reference, 500, key=make_key())
    assert refunded.status == "success"
    assert len({call.key for call in fake.calls}) == 1
    assert len(fake.calls) == 2
    assert (await stripe_rig.gateway.find("", reference)).refunded_minor == 500
    await platform.close()


async def test_refund_is_found_when_its_key_is_forgotten(stripe_rig, make_key):
    _, reference = await stripe_rig.captured()
    key = make_key()
    stripe_rig.lose_answer("refund", done=True)
    with pytest.raises(TransientProviderError):
        await stripe_rig.gateway.refund(reference, 500, key=key)
    stripe_rig.fake.forget_keys()
    assert (await stripe_rig.gateway.find_refund(reference, key=key)).amount_minor == 500


async def test_capture_repeated_after_its_key_is_forgotten(stripe_rig, make_key):
    _, reference = await stripe_rig.captured()
    stripe_rig.fake.forget_keys()
    assert (await stripe_rig.gateway.capture(reference, 14500, key=make_key())).amount_minor == 14500
    with pytest.raises(PermanentProviderError):
        await stripe_rig.gateway.capture(reference, 14499, key=make_key())


async def test_search_that_lags_proves_nothing(stripe_rig, make_order, later):
    order, intended_at = make_order(), clock.now()
    stripe_rig.fake.books.searchable = False
    try:
        await stripe_rig.enter(order)
    finally:
        stripe_rig.fake.books.searchable = True
    with pytest.raises(TransientProviderError) as raised:
        await stripe_rig.gateway.find(order.public_id, intended_at=intended_at)
    assert 0 < raised.value.retry_after_s <= 300
    stripe_rig.fake.books.index()
    assert (await stripe_rig.gateway.find(order.public_id, intended_at=intended_at)) is not None
    later(301)
    assert (await stripe_rig.gateway.find("0" * 26, intended_at=intended_at)) is None


async def test_search_takes_a_quote_for_a_letter(stripe_rig):
    assert await stripe_rig.gateway.find("x' OR metadata['a']:'b") is None


# recurring ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "can_retry"),
    [
        ("insufficient_funds", "insufficient-funds", True),
        ("lost_card", "lost-card", False),
        ("do_not_try_again", "do-not-retry", False),
        ("something_new", "uncategorised", True),
    ],
)
async def test_recurring_decline_tells_whether_to_retry(stripe_rig, make_order, make_key, code, reason, can_retry):
    order, key, token = make_order(), make_key(), stripe_rig.fake.keep_card("4242424242424242")
    stripe_rig.fake.decline_recurring(token, code)
    outcome = await stripe_rig.gateway.charge_agreement(order, token, key=key)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.can_retry) == (reason, can_retry)
    assert await stripe_rig.gateway.charge_agreement(order, token, key=key) == outcome
    assert (await stripe_rig.gateway.find(order.public_id, outcome.provider_reference)).outcome == outcome


async def test_recurring_payment_that_wants_the_payer_ends_the_agreement(stripe_rig, make_order, make_key):
    token = stripe_rig.fake.keep_card("4000002760003184")
    outcome = await stripe_rig.gateway.charge_agreement(make_order(), token, key=make_key())
    assert (outcome.reason, outcome.can_retry) == ("authentication-required", False)


# refunds, disputes, payouts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "first", "then", "left"),
    [("4000000000007726", "submitted", "success", 500), ("4000000000005126", "success", "error", 0)],
)
async def test_refund_changes_later(stripe_rig, make_key, number, first, then, left):
    _, reference = await stripe_rig.captured(number)
    key = make_key()
    assert (await stripe_rig.gateway.refund(reference, 500, key=key)).status == first
    stripe_rig.fake.undelivered()
    stripe_rig.fake.finish_refunds()
    (event,) = [found for found in stripe_rig.told() if found.provider_reference == reference]
    assert (event.details.key, event.details.refund.status) == (key, then)
    assert (await stripe_rig.gateway.find_refund(reference, key=key)).status == then
    assert (await stripe_rig.gateway.find("", reference)).refunded_minor == left


@pytest.mark.parametrize("end", ["won", "lost"])
async def test_dispute_is_told_and_can_be_asked_for(stripe_rig, end):
    _, reference = await stripe_rig.captured("4000000000002685")
    (opened,) = [event for event in stripe_rig.told() if event.kind == "dispute-changed"]
    dispute = opened.details
    assert opened.provider_reference == reference
    assert (dispute.reason, dispute.status, dispute.amount_minor) == ("product_not_received", "needs_response", 14500)
    assert dispute.fee_minor == 2000
    assert dispute.evidence_due_at > clock.now()
    for status in ("under_review", end):
        stripe_rig.fake.move_dispute(dispute.dispute_reference, status)
        (event,) = stripe_rig.told()
        assert event.details.status == status
        assert (await stripe_rig.gateway.find_dispute(dispute.dispute_reference)).status == status


async def test_payout_holds_what_it_pays(connected, fake, make_key):
    rig = connected("acct_payouts")
    _, first = await rig.captured()
    refund = await rig.gateway.refund(first, 500, key=make_key())
    _, disputed = await rig.captured("4000000000000259", amount_minor=9000)
    fake.pay_out("acct_payouts")
    since = clock.now() - timedelta(days=1)
    (payout,) = [found async for found in rig.gateway.payouts(since)]
    assert payout.amount_minor == sum(item.net_minor for item in payout.items) == 14500 - 238 - 500 + 9000 - 155 - 11000
    assert [(item.kind, item.payment_reference) for item in payout.items] == [
        ("payment", first),
        ("refund", first),
        ("payment", disputed),
        ("dispute", disputed),
    ]
    assert payout.items[1].source_reference == refund.provider_reference
    assert payout.items[3].fee_minor == 2000
    assert [found async for found in rig.gateway.payouts(clock.now() + timedelta(days=1))] == []


async def test_payout_of_many_pages_is_whole_and_in_order(connected, fake):
    rig = connected("acct_pages")
    with fake.lock:
        for number in range(230):
            fake.books.book("acct_pages", "charge", "charge", 100 + number, fee=0, source="ch_gone")
    fake.pay_out("acct_pages")
    (payout,) = [found async for found in rig.gateway.payouts(clock.now() - timedelta(days=1))]
    assert [item.amount_minor for item in payout.items] == list(range(100, 330))


# accounts and keys ----------------------------------------------------------------------------------------------------


async def test_connected_account_is_named_in_every_call(connected, fake, make_key):
    rig = connected("acct_one")
    order, reference = await rig.captured()
    await rig.gateway.refund(reference, 1, key=make_key())
    await rig.gateway.find(order.public_id)
    assert {call.account for call in fake.calls} == {"acct_one"}
    assert {event.connected_account for event in rig.told()} == {"acct_one"}
    other = connected("acct_two").gateway
    assert await other.find(order.public_id, reference) is None


@pytest.mark.parametrize(("mode", "key"), [("test", "sk_live_x"), ("live", "sk_test_x"), ("live", "pk_live_x")])
def test_key_of_another_mode_is_never_used(make_account, mode, key):
    with pytest.raises(PermanentProviderError, match=f"no {mode} key"):
        StripePlatform().of(make_account("stripe", mode=mode, api_key=key))


def test_platform_takes_one_key_of_each_mode(make_account):
    platform = StripePlatform(("sk_live_a", "rk_test_b"))
    for mode in ("live", "test"):
        platform.of(make_account("stripe", mode=mode))
    for keys in (("sk_live_a", "sk_live_b"), ("pk_live_a",)):
        with pytest.raises(ValueError, match="secret keys"):
            StripePlatform(keys)
