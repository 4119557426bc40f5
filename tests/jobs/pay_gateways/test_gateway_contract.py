"""What every gateway promises: the same tests at the sandbox and at Stripe (our own server)."""

from __future__ import annotations

import asyncio

import pytest

from common import clock
from common.errors import PermanentProviderError, TransientProviderError
from services.pay.gateways.outcomes import Authorised, Cancelled, Captured, NeedsAction, Rejected


async def authorised(rig, order, number="4242424242424242", **more):
    outcome = await rig.enter(order, number, **more)
    assert isinstance(outcome, Authorised)
    return outcome


async def test_good_card_is_authorised_with_its_details(rig, make_order):
    order = make_order()
    outcome = await authorised(rig, order)
    assert outcome.amount_minor == order.amount_minor
    assert (outcome.card.brand, outcome.card.type, outcome.card.last_four) == ("visa", "credit", "4242")
    assert (outcome.card.expiry, outcome.card.cardholder_name) == ("12/34", "Ada Payer")
    assert outcome.stored is None
    assert not outcome.has_three_d_secure


async def test_capture_gives_amount_and_fee(rig, make_order, make_key):
    order = make_order()
    outcome = await authorised(rig, order)
    captured = await rig.gateway.capture(outcome.provider_reference, order.amount_minor, key=make_key())
    assert isinstance(captured, Captured)
    assert captured.amount_minor == 14500
    assert captured.fee_minor == 218 + 20  # 1.5 % of 145.00, half up, and 20p
    assert abs((captured.captured_at - clock.now()).total_seconds()) < 60


async def test_part_of_what_is_set_aside_can_be_captured(rig, make_order, make_key):
    outcome = await authorised(rig, make_order())
    await rig.gateway.capture(outcome.provider_reference, 1000, key=make_key())
    view = await rig.gateway.find("", outcome.provider_reference)
    assert (view.amount_minor, view.captured_minor, view.is_captured) == (14500, 1000, True)


async def test_capture_twice_takes_the_money_once(rig, make_order, make_key):
    order, key = make_order(), make_key()
    outcome = await authorised(rig, order)
    first = await rig.gateway.capture(outcome.provider_reference, 14500, key=key)
    again = await rig.gateway.capture(outcome.provider_reference, 14500, key=key)
    under_another_key = await rig.gateway.capture(outcome.provider_reference, 14500, key=make_key())
    assert first == again == under_another_key
    assert (await rig.gateway.find(order.public_id)).captured_minor == 14500


async def test_capture_above_what_is_set_aside_is_refused(rig, make_order, make_key):
    outcome = await authorised(rig, make_order())
    with pytest.raises(PermanentProviderError):
        await rig.gateway.capture(outcome.provider_reference, 14501, key=make_key())
    assert not (await rig.gateway.find("", outcome.provider_reference)).is_captured


async def test_capture_of_a_cancelled_payment_is_refused(rig, make_order, make_key):
    outcome = await authorised(rig, make_order())
    await rig.gateway.cancel(outcome.provider_reference, key=make_key())
    with pytest.raises(PermanentProviderError):
        await rig.gateway.capture(outcome.provider_reference, 14500, key=make_key())


async def test_cancel_lets_go_and_may_be_repeated(rig, make_order, make_key):
    outcome = await authorised(rig, make_order())
    await rig.gateway.cancel(outcome.provider_reference, key=make_key())
    await rig.gateway.cancel(outcome.provider_reference, key=make_key())
    assert isinstance(await rig.gateway.finish_action(outcome.provider_reference), Cancelled)


async def test_cancel_of_a_captured_payment_is_refused(rig, make_key):
    _, reference = await rig.captured()
    with pytest.raises(PermanentProviderError):
        await rig.gateway.cancel(reference, key=make_key())
    assert (await rig.gateway.find("", reference)).is_captured


async def test_refund_gives_back_and_is_found_by_its_key(rig, make_key):
    order, reference = await rig.captured()
    key = make_key()
    refunded = await rig.gateway.refund(reference, 500, key=key)
    assert (refunded.amount_minor, refunded.status) == (500, "success")
    assert await rig.gateway.find_refund(reference, key=key) == refunded
    view = await rig.gateway.find(order.public_id)
    assert (view.refunded_minor, view.refunds) == (500, (refunded,))


async def test_refund_under_one_key_gives_back_once(rig, make_key):
    _, reference = await rig.captured()
    key = make_key()
    made = await asyncio.gather(*(_refund_until_answered(rig, reference, key) for _ in range(5)))
    assert len({refund.provider_reference for refund in made}) == 1
    assert (await rig.gateway.find("", reference)).refunded_minor == 500


async def _refund_until_answered(rig, reference, key):
    for _ in range(50):
        try:
            return await rig.gateway.refund(reference, 500, key=key)
        except TransientProviderError:  # Stripe: the key is in hand elsewhere
            await asyncio.sleep(0.02)
    raise AssertionError("never answered")


async def test_refunds_never_exceed_what_was_captured(rig, make_key):
    _, reference = await rig.captured()
    made = await asyncio.gather(
        *(rig.gateway.refund(reference, 5000, key=make_key()) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, PermanentProviderError) for one in made) == 2
    assert (await rig.gateway.find("", reference)).refunded_minor == 10000


async def test_refund_before_capture_is_refused(rig, make_order, make_key):
    outcome = await authorised(rig, make_order())
    with pytest.raises(PermanentProviderError):
        await rig.gateway.refund(outcome.provider_reference, 1, key=make_key())


async def test_key_used_for_another_call_is_refused(rig, make_key):
    _, reference = await rig.captured()
    key = make_key()
    await rig.gateway.refund(reference, 500, key=key)
    with pytest.raises(PermanentProviderError, match="key"):
        await rig.gateway.refund(reference, 600, key=key)
    assert (await rig.gateway.find("", reference)).refunded_minor == 500


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("operation", ["capture", "refund", "cancel"])
async def test_lost_answer_is_unknown_and_the_repeat_does_it_once(rig, make_order, make_key, operation, done):
    order, key = make_order(), make_key()
    reference = (await authorised(rig, order)).provider_reference
    if operation == "refund":
        await rig.gateway.capture(reference, 14500, key=make_key())
    calls = {
        "capture": lambda: rig.gateway.capture(reference, 14500, key=key),
        "refund": lambda: rig.gateway.refund(reference, 14500, key=key),
        "cancel": lambda: rig.gateway.cancel(reference, key=key),
    }
    rig.lose_answer(operation, done=done)
    with pytest.raises(TransientProviderError) as raised:
        await calls[operation]()
    assert raised.value.sent_unknown
    view = await rig.gateway.find(order.public_id, reference)
    seen = {
        "capture": view.is_captured,
        "refund": view.refunded_minor == 14500,
        "cancel": isinstance(view.outcome, Cancelled),
    }
    assert seen[operation] is done  # asking tells
    if operation == "refund":
        assert (await rig.gateway.find_refund(reference, key=key) is not None) is done
    await calls[operation]()
    after = await rig.gateway.find(order.public_id, reference)
    assert after.captured_minor == (0 if operation == "cancel" else 14500)
    assert after.refunded_minor == (14500 if operation == "refund" else 0)


async def test_refused_card_tells_why(rig, make_order):
    order = make_order()
    outcome = await rig.enter(order, "4000000000009995")
    if isinstance(outcome, NeedsAction):  # at the provider's own page the payer may try another card
        reference = outcome.provider_reference
        view = await rig.gateway.find(order.public_id)
        outcome = view.outcome
        assert isinstance(await rig.gateway.finish_action(reference), NeedsAction)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.can_retry) == ("insufficient-funds", True)


async def test_passed_challenge_authorises(rig, make_order):
    outcome = await rig.enter(make_order(), "4000002760003184")
    assert isinstance(outcome, NeedsAction)
    await rig.challenge(outcome.redirect_url, passed=True)
    finished = await rig.gateway.finish_action(outcome.provider_reference)
    assert isinstance(finished, Authorised)
    assert finished.has_three_d_secure
    assert finished.card.last_four == "3184"


async def test_failed_challenge_does_not_authorise(rig, make_order):
    order = make_order()
    outcome = await rig.enter(order, "4000002760003184")
    await rig.challenge(outcome.redirect_url, passed=False)
    view = await rig.gateway.find(order.public_id)
    assert isinstance(view.outcome, Rejected)
    assert view.outcome.reason == "authentication-failed"


async def test_unanswered_challenge_can_be_cancelled(rig, make_order, make_key):
    outcome = await rig.enter(make_order(), "4000002760003184")
    await rig.gateway.cancel(outcome.provider_reference, key=make_key())
    assert isinstance(await rig.gateway.finish_action(outcome.provider_reference), Cancelled)


async def test_kept_card_pays_again_without_the_payer(rig, make_order, make_key):
    first = await authorised(rig, make_order(keep_card=True))
    assert first.stored is not None
    order, key = make_order(amount_minor=900), make_key()
    again = await rig.gateway.charge_agreement(order, first.stored, key=key)
    assert isinstance(again, Authorised)
    assert again.amount_minor == 900
    assert (await rig.gateway.charge_agreement(order, first.stored, key=key)).provider_reference == (
        again.provider_reference
    )
    assert isinstance(await rig.gateway.capture(again.provider_reference, 900, key=make_key()), Captured)


async def test_lost_recurring_charge_is_found_by_its_key(rig, make_order, make_key):
    token = (await authorised(rig, make_order(keep_card=True))).stored
    for done in (True, False):
        order, key, intended_at = make_order(), make_key(), clock.now()
        rig.lose_answer("charge_agreement", done=done)
        with pytest.raises(TransientProviderError):
            await rig.gateway.charge_agreement(order, token, key=key)
        found = await rig.gateway.find(order.public_id, key=key, token=token, intended_at=intended_at)
        assert (found is not None) is done


async def test_forgotten_card_pays_no_more(rig, make_order, make_key):
    token = (await authorised(rig, make_order(keep_card=True))).stored
    await rig.gateway.forget(token)
    await rig.gateway.forget(token)
    outcome = await rig.gateway.charge_agreement(make_order(), token, key=make_key())
    assert isinstance(outcome, Rejected)
    assert not outcome.can_retry


async def test_find_tells_tries_apart_by_key(rig, make_order, make_key):
    order, first, second = make_order(), make_key(), make_key()
    await authorised(rig, order, key=first)
    assert (await rig.gateway.find(order.public_id, key=first)) is not None
    assert (await rig.gateway.find(order.public_id, key=second)) is None
    assert (await rig.gateway.find("0" * 26)) is None


async def test_disputed_payment_cannot_be_refunded_until_it_is_won(rig, make_key):
    order, reference = await rig.captured("4000000000000259")
    assert (await rig.gateway.find(order.public_id)).is_disputed
    with pytest.raises(PermanentProviderError, match="disputed"):
        await rig.gateway.refund(reference, 100, key=make_key())


async def test_unknown_payment_is_refused(rig, make_key):
    with pytest.raises(PermanentProviderError):
        await rig.gateway.capture("pi_nowhere", 100, key=make_key())
    assert await rig.gateway.find("x", "pi_nowhere") is None
    assert await rig.gateway.find_dispute("du_nowhere") is None
