"""What holds a message back: the hourly guard, a suspended service, an archived one; and the simulated lane."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from common.tenancy import flow as tenancy
from common.testing.builders import TESTER
from services.notify.delivery import store


async def _move(post: Any, status: Any) -> None:
    async with post.db.transaction() as tx:
        await tenancy.update_service(tx, TESTER, post.service_id, status=status, reason="tests")
    post.context.directory.services.forget(post.service_id)


async def test_more_than_the_hourly_limit_waits(post: Any) -> None:
    ids = [await post.a_message("sms") for _ in range(4)]
    other = await post.a_message("sms", to="07700900555")
    await post.deliverer(hourly_limit=2).deliver("sms-normal")
    assert [await post.status(i) for i in (*ids, other)] == ["sending", "sending", "created", "created", "sending"]
    work = await post.waiting(ids[2])
    assert (work["attempt"], work["last_error"]) == (0, "recipient's hourly limit")
    assert work["due_at"] > clock.now()


async def test_limit_counts_what_went_out_in_the_last_hour_over_all_batches(post: Any) -> None:
    deliverer = post.deliverer(hourly_limit=2)
    first = [await post.a_message("email") for _ in range(2)]
    await deliverer.deliver("email-normal")
    third = await post.a_message("email")
    await deliverer.deliver("email-normal")
    assert [await post.status(i) for i in (*first, third)] == ["sending", "sending", "created"]
    with clock.shifted(timedelta(minutes=61)):
        await deliverer.deliver("email-normal")
    assert await post.status(third) == "sending"


async def test_no_more_is_counted_of_a_recipient_than_the_limit(post: Any) -> None:
    """One to whom hundreds of thousands wait must not cost every batch a count of them all."""
    hot = [await post.a_message("sms") for _ in range(5)]
    cool = await post.a_message("sms", to="07700900555")
    await post.a_message("sms", to="07700900666")
    await post.deliverer(batch=6).deliver("sms-normal")
    indexes = [(await post.row(i))["recipient_index"] for i in (hot[0], cool)]
    async with post.db.reading() as tx:
        assert await store.recently_sent(tx, [*indexes, b"nobody"], 3) == {indexes[0]: 3, indexes[1]: 1}


async def test_message_held_back_for_a_day_ends(post: Any) -> None:
    first, held = await post.a_message("sms"), await post.a_message("sms")
    deliverer = post.deliverer(hourly_limit=1)
    await deliverer.deliver("sms-normal")
    with clock.shifted(timedelta(hours=25)):
        await post.put("update notify.messages set sent_at = $1 where id = $2", clock.now(), first)
        await deliverer.deliver("sms-normal")
    assert await post.status(held) == "technical-failure"
    assert await post.dead() == [(held, "recipient's hourly limit")]


async def test_limit_of_none_lets_everything_through(post: Any) -> None:
    for _ in range(5):
        await post.a_message("sms")
    await post.deliverer(hourly_limit=0).deliver("sms-normal")
    assert len(post.text.gone) == 5


async def test_messages_of_a_suspended_service_wait_and_go_once_it_is_live_again(post: Any) -> None:
    message_id = await post.a_message("sms")
    await _move(post, "suspended")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    work = await post.waiting(message_id)
    assert (post.text.gone, await post.status(message_id)) == ([], "created")
    assert (work["attempt"], work["last_error"], work["leased_until"]) == (0, "service suspended", None)
    await _move(post, "live")
    with clock.shifted(timedelta(minutes=6)):
        await deliverer.deliver("sms-normal")
    assert await post.status(message_id) == "sending"


@pytest.mark.parametrize("channel", ["sms", "email"])
async def test_messages_of_an_archived_service_end_as_technical_failure(post: Any, channel: str) -> None:
    message_id = await post.a_message(channel)
    await _move(post, "archived")
    await post.deliverer().deliver(f"{channel}-normal")
    row = await post.row(message_id)
    assert (row["status"], row["status_reason"]) == ("technical-failure", "service archived")
    assert (post.text.gone, post.email.gone) == ([], [])


async def test_message_whose_seal_is_broken_ends_and_its_neighbour_leaves(post: Any) -> None:
    broken, good = await post.a_message("sms"), await post.a_message("sms")
    await post.put("update notify.messages set personal = '\\x00'::bytea || personal where id = $1", broken)
    await post.deliverer().deliver("sms-normal")
    assert (await post.status(broken), await post.status(good)) == ("technical-failure", "sending")
    assert await post.dead() == [(broken, "personal data unreadable")]


# test keys -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "to", "outcome"),
    [
        ("sms", "07700 900 003", "temporary-failure"),
        ("sms", "+447700900002", "permanent-failure"),
        ("sms", "07700900001", "delivered"),
        ("email", "temp-fail@simulator.notify", "temporary-failure"),
        ("email", "Perm-Fail@Simulator.Notify", "permanent-failure"),
        ("email", "anyone@example.gov", "delivered"),
    ],
)
async def test_test_messages_come_to_what_their_recipient_stands_for(
    post: Any, channel: str, to: str, outcome: str
) -> None:
    message_id = await post.a_message(channel, to=to, key_type="test")
    assert await post.deliverer().deliver("simulated") == 1
    row = await post.row(message_id)
    assert (row["status"], row["provider"]) == (outcome, "simulated")
    assert row["sent_at"] is not None
    assert await post.waiting(message_id) is None
    assert (post.text.gone, post.email.gone) == ([], [])


async def test_test_messages_are_not_counted_by_the_hourly_guard(post: Any) -> None:
    deliverer = post.deliverer(hourly_limit=1)
    for _ in range(3):
        await post.a_message("sms", key_type="test")
    await deliverer.deliver("simulated")
    live = await post.a_message("sms")
    await deliverer.deliver("sms-normal")
    assert await post.status(live) == "sending"
