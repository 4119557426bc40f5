"""What follows from a try: retries and their rhythm, ends, the dead letter, the replay; texts in doubt; crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from common import clock
from common.audit import Actor
from common.errors import PermanentProviderError, TransientProviderError
from services.notify.delivery.flow import LEASE_S
from services.notify.operations import flow as operations

OPERATOR = Actor(kind="operator", id="ada", source="127.0.0.1")
LANES = {"sms": "sms-normal", "email": "email-normal"}


def _busy(*_: Any) -> TransientProviderError:
    return TransientProviderError("451 4.2.1")


async def test_recipient_that_does_not_exist_is_a_permanent_failure_without_dead_letter(post: Any) -> None:
    post.email.say = lambda _: PermanentProviderError("550 5.1.1", recipient_fault=True)
    message_id = await post.a_message("email")
    await post.deliverer().deliver("email-normal")
    row = await post.row(message_id)
    assert (row["status"], row["status_reason"], row["sent_at"]) == ("permanent-failure", "550 5.1.1", None)
    assert row["updated_at"] is not None
    assert await post.waiting(message_id) is None
    assert await post.dead() == []


async def test_message_that_can_never_go_is_a_technical_failure_and_a_dead_letter(post: Any) -> None:
    post.text.say = lambda _: PermanentProviderError("422 invalid-from")
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    assert await post.status(message_id) == "technical-failure"
    assert await post.dead() == [(message_id, "422 invalid-from")]


async def test_one_bad_message_does_not_touch_its_neighbours(post: Any) -> None:
    good = await post.a_message("sms")
    bad = await post.a_message("sms", to="07700900404")
    later = await post.a_message("sms", to="07700900500")
    accept = post.text.say
    answers = {"447700900404": PermanentProviderError("422 x", recipient_fault=True), "447700900500": _busy()}
    post.text.say = lambda message: answers.get(message.to) or accept(message)
    await post.deliverer().deliver("sms-normal")
    assert [await post.status(i) for i in (good, bad, later)] == ["sending", "permanent-failure", "created"]


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_first_retry_is_at_once_and_the_next_are_five_minutes_apart(post: Any, channel: str) -> None:
    getattr(post, "text" if channel == "sms" else "email").say = _busy
    message_id = await post.a_message(channel)
    deliverer, lane = post.deliverer(), LANES[channel]
    began = clock.now()
    with clock.frozen(began):
        assert await deliverer.deliver(lane) == 1
        assert await deliverer.deliver(lane) == 1, "the first retry is at once"
        assert await deliverer.deliver(lane) == 0, "the second is not"
        work = await post.waiting(message_id)
    assert (work["attempt"], work["last_error"]) == (2, "451 4.2.1")
    assert timedelta(seconds=240) <= work["due_at"] - began <= timedelta(seconds=361)
    assert await post.status(message_id) == "created"


async def test_providers_wish_when_to_come_again_is_kept(post: Any) -> None:
    post.text.say = lambda _: TransientProviderError("429", retry_after_s=42)
    message_id = await post.a_message("sms")
    began = clock.now()
    await post.deliverer().deliver("sms-normal")
    waited = (await post.waiting(message_id))["due_at"] - began
    assert timedelta(seconds=41) < waited < timedelta(seconds=100)


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_after_four_hours_of_tries_comes_an_explicit_end(post: Any, channel: str) -> None:
    scripted = post.text if channel == "sms" else post.email
    scripted.say = lambda _: TransientProviderError("451 4.2.1")
    message_id = await post.a_message(channel)
    deliverer, lane = post.deliverer(), LANES[channel]
    tries, moment = 0, clock.now()
    while await post.status(message_id) == "created" and tries < 100:
        with clock.frozen(moment):
            tries += await deliverer.deliver(lane)
        work = await post.waiting(message_id)
        moment = moment if work is None else max(moment, work["due_at"])
    assert tries == 50, "the first, one at once, and one every five minutes for four hours"
    assert timedelta(hours=3) < moment - (await post.row(message_id))["created_at"] < timedelta(hours=5)
    row = await post.row(message_id)
    assert (row["status"], row["status_reason"]) == ("technical-failure", "451 4.2.1")
    assert await post.dead() == [(message_id, "retries used up: 451 4.2.1")]


async def test_message_first_tried_late_has_all_its_tries(post: Any) -> None:
    post.text.say = _busy
    message_id = await post.a_message("sms")
    with clock.shifted(timedelta(hours=9)):
        assert await post.deliverer().deliver("sms-normal") == 1
    assert await post.status(message_id) == "created"


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_outage_uses_up_no_tries_and_ends_after_a_day(post: Any, channel: str) -> None:
    scripted = post.text if channel == "sms" else post.email
    scripted.say = lambda _: TransientProviderError("connection refused", provider_down=True)
    message_id = await post.a_message(channel)
    for hours in (0, 1, 23):
        with clock.shifted(timedelta(hours=hours)):
            assert await post.deliverer().deliver(LANES[channel]) == 1
        work = await post.waiting(message_id)
        assert (work["attempt"], work["last_error"]) == (0, "connection refused")
    with clock.shifted(timedelta(hours=25)):
        assert await post.deliverer().deliver(LANES[channel]) == 1
    assert await post.dead() == [(message_id, "retries used up: connection refused")]


async def test_provider_that_is_down_gets_a_rest(post: Any) -> None:
    post.text.say = lambda _: TransientProviderError("connection refused", provider_down=True)
    await post.a_message("sms")
    deliverer = post.deliverer()
    assert await deliverer.deliver("sms-normal") == 1
    second = await post.a_message("sms")
    assert await deliverer.deliver("sms-normal") == 0, "no batch begins while the provider rests"
    assert await post.deliverer().deliver("sms-normal") == 1, "another worker may try"
    assert await post.status(second) == "created"


async def test_message_that_cannot_be_composed_holds_up_no_other(post: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, good = await post.a_message("sms"), await post.a_message("sms")
    deliverer = post.deliverer()
    compose = deliverer._composer.text

    async def compose_or_fail(message: Any) -> Any:
        if message.id == broken:
            raise KeyError("a bug")
        return await compose(message)

    monkeypatch.setattr(deliverer._composer, "text", compose_or_fail)
    assert await deliverer.deliver("sms-normal") == 2
    assert await post.status(good) == "sending"
    assert (await post.waiting(broken))["last_error"] == "not composed: KeyError"


async def test_patience_of_a_scheduled_message_counts_from_its_time(post: Any) -> None:
    post.text.say = _busy
    message_id = await post.a_message("sms", scheduled_for=clock.now() + timedelta(hours=10))
    with clock.shifted(timedelta(hours=13)):
        assert await post.deliverer().deliver("sms-normal") == 1
    assert await post.status(message_id) == "created"


async def test_dead_letter_is_replayed_and_delivered(post: Any) -> None:
    accept, post.text.say = post.text.say, lambda _: PermanentProviderError("401 settings")
    message_id = await post.a_message("sms")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    post.text.say = accept
    async with post.db.transaction() as tx:
        assert await operations.replay(tx, OPERATOR, ids=[message_id], topic=None, limit=10) == 1
    assert (await post.row(message_id))["status"] == "created"
    assert await post.dead() == []
    assert await deliverer.deliver("sms-normal") == 1
    assert await post.status(message_id) == "sending"


async def test_replayed_message_has_all_its_tries_again(post: Any) -> None:
    post.text.say = lambda _: PermanentProviderError("401 settings")
    message_id = await post.a_message("sms")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    assert await post.status(message_id) == "technical-failure"
    post.text.say = _busy
    with clock.shifted(timedelta(hours=9)):
        async with post.db.transaction() as tx:
            assert await operations.replay(tx, OPERATOR, ids=None, topic="deliver", limit=10) == 1
        assert await deliverer.deliver("sms-normal") == 1
    assert await post.status(message_id) == "created"


async def test_replay_reaches_only_the_named_services_work(post: Any) -> None:
    post.text.say = lambda _: PermanentProviderError("401 settings")
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    async with post.db.transaction() as tx:
        other = await operations.replay(tx, OPERATOR, ids=[message_id], topic=None, limit=9, service_id=uuid4())
    assert other == 0
    assert await post.status(message_id) == "technical-failure"


async def test_replay_leaves_failed_messages_alone_whose_work_is_not_buried(post: Any) -> None:
    """Nobody would ever deliver it: it would wait as `created` for good."""
    message_id = await post.a_message("sms")
    await post.put("delete from notify.work")
    await post.put("update notify.messages set status = 'technical-failure'")
    async with post.db.transaction() as tx:
        assert await operations.replay(tx, OPERATOR, ids=[message_id], topic=None, limit=10) == 0
    assert await post.status(message_id) == "technical-failure"


# doubt -------------------------------------------------------------------------


async def test_text_is_not_asked_for_before_its_first_try(post: Any) -> None:
    await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    assert post.text.asked == []


async def test_text_whose_fate_is_unknown_is_asked_for_first(post: Any) -> None:
    post.text.say = lambda _: TransientProviderError("timeout", sent_unknown=True)
    message_id = await post.a_message("sms")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    post.text.known[message_id] = "taken-1"
    await deliverer.deliver("sms-normal")
    assert (post.text.asked, len(post.text.gone)) == ([message_id], 1)
    row = await post.row(message_id)
    assert (row["status"], row["provider_reference"], row["billable_units"]) == ("sending", "taken-1", 1)


async def test_text_that_the_gateway_never_saw_is_sent_again(post: Any) -> None:
    accept, post.text.say = post.text.say, lambda _: TransientProviderError("timeout", sent_unknown=True)
    message_id = await post.a_message("sms")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    post.text.say = accept
    await deliverer.deliver("sms-normal")
    assert (post.text.asked, len(post.text.gone)) == ([message_id], 2)
    assert await post.status(message_id) == "sending"


async def test_gateway_that_cannot_be_asked_gets_no_text(post: Any) -> None:
    post.text.say = lambda _: TransientProviderError("timeout", sent_unknown=True)
    message_id = await post.a_message("sms")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")

    async def ask(message: Any) -> None:
        raise TransientProviderError("503")

    post.text.ask = ask
    await deliverer.deliver("sms-normal")
    assert len(post.text.gone) == 1
    assert (await post.waiting(message_id))["last_error"] == "503"


class _Killed(BaseException):
    """The worker dies here."""


async def test_worker_that_dies_in_the_call_leaves_marked_work_for_after_the_lease(post: Any) -> None:
    async def die(_: Sequence[Any]) -> None:
        raise _Killed

    post.text.during = die
    message_id = await post.a_message("sms")
    with pytest.raises(_Killed):
        await post.deliverer().deliver("sms-normal")
    work = await post.waiting(message_id)
    assert work["in_flight_at"] is not None
    post.text.during = None
    post.text.known[message_id] = "taken-2"
    assert await post.deliverer().deliver("sms-normal") == 0, "another worker keeps off while the lease runs"
    with clock.shifted(timedelta(seconds=LEASE_S + 1)):
        assert await post.deliverer().deliver("sms-normal") == 1
    assert (post.text.asked, len(post.text.gone)) == ([message_id], 1)
    assert await post.status(message_id) == "sending"


async def test_email_in_doubt_goes_again_with_the_same_message_id(post: Any) -> None:
    accept, post.email.say = post.email.say, lambda _: TransientProviderError("timeout", sent_unknown=True)
    await post.a_message("email")
    deliverer = post.deliverer()
    await deliverer.deliver("email-normal")
    post.email.say = accept
    await deliverer.deliver("email-normal")
    first, second = (post.parsed(outgoing)["Message-ID"] for outgoing in post.email.gone)
    assert first == second


async def test_worker_that_dies_between_chunks_frees_what_was_not_begun(post: Any) -> None:
    post.text.chunk = 2

    async def die_on_the_second(_: Sequence[Any]) -> None:
        if len(post.text.gone) > 2:
            raise _Killed

    post.text.during = die_on_the_second
    ids = [await post.a_message("sms") for _ in range(6)]
    with pytest.raises(_Killed):
        await post.deliverer().deliver("sms-normal")
    post.text.during = None
    assert [await post.status(i) for i in ids[:2]] == ["sending", "sending"]
    assert await post.deliverer().deliver("sms-normal") == 2
    assert [message.id for message in post.text.gone[4:]] == ids[4:]
    assert [await post.status(i) for i in ids] == ["sending"] * 2 + ["created"] * 2 + ["sending"] * 2


async def test_database_that_is_away_for_a_moment_does_not_lose_the_outcome(post: Any) -> None:
    deliverer = post.deliverer()
    message_id = await post.a_message("sms")
    settle, calls = deliverer._settle, []

    async def fail_once(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise asyncpg.ConnectionDoesNotExistError("gone")
        await settle(*arguments)

    deliverer._settle = fail_once
    async with asyncio.timeout(30):
        await deliverer.deliver("sms-normal")
    assert (len(post.text.gone), len(calls)) == (1, 3)
    assert (await post.status(message_id), await post.waiting(message_id)) == ("sending", None)


async def test_two_workers_at_once_deliver_each_message_once(post: Any) -> None:
    ids = [await post.a_message("sms") for _ in range(30)]
    workers = [post.deliverer(batch=4) for _ in range(3)]

    async def drain(worker: Any) -> None:
        while await worker.deliver("sms-normal"):
            await asyncio.sleep(0)

    await asyncio.gather(*(drain(worker) for worker in workers))
    assert sorted(message.id for message in post.text.gone) == ids
