"""Receipts and delivery meeting in either order, and the end after 72 hours without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from common import clock
from services.notify.receipts import flow, store
from services.notify.receipts.flow import end_overdue


@pytest.mark.parametrize("reported", ["delivered", "temporary-failure", "permanent-failure", "pending"])
async def test_receipt_that_overtakes_the_record_of_sending_stays(post: Any, reported: str) -> None:
    message_id = await post.a_message("sms")

    async def report(_: Sequence[Any]) -> None:
        assert await post.hear(message_id, reported) == ["moved"]

    post.text.during = report
    await post.deliverer().deliver("sms-normal")
    row = await post.row(message_id)
    assert (row["status"], row["provider"], row["billable_units"]) == (reported, "scripted", 1)
    assert (row["provider_reference"], row["sent_at"] is not None) == (f"ref-{message_id}", True)
    assert await post.waiting(message_id) is None


async def test_message_that_was_reported_on_does_not_leave_again(post: Any) -> None:
    """The worker died after the call; the receipt says that the message arrived."""
    message_id = await post.a_message("email")
    await post.hear(message_id, "delivered")
    assert await post.deliverer().deliver("email-normal") == 1
    assert post.email.gone == []
    assert (await post.status(message_id), await post.waiting(message_id)) == ("delivered", None)


async def test_receipts_of_one_group_count_in_their_order(post: Any) -> None:
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    heard = await post.hear(message_id, "pending", "delivered", "permanent-failure", "delivered")
    assert heard == ["moved", "moved", "known", "known"]
    assert await post.status(message_id) == "delivered"


async def test_sent_text_abroad_takes_the_receipt_of_a_country_that_reports(post: Any) -> None:
    message_id = await post.a_message("sms", to="+33 6 12 34 56 78")
    await post.deliverer().deliver("sms-normal")
    assert await post.hear(message_id, "delivered") == ["moved"]
    assert await post.status(message_id) == "delivered"


async def test_after_72_hours_without_receipt_a_message_is_a_temporary_failure(post: Any) -> None:
    silent = await post.a_message("sms")
    pending, reported = await post.a_message("sms"), await post.a_message("sms")
    abroad = await post.a_message("sms", to="+33 6 12 34 56 78")
    await post.deliverer().deliver("sms-normal")
    unsent = await post.a_message("sms")
    await post.hear(pending, "pending")
    await post.hear(reported, "delivered")
    with clock.shifted(timedelta(hours=71, minutes=59)):
        assert await end_overdue(post.db) == 0
    with clock.shifted(timedelta(hours=72, minutes=1)):
        assert await end_overdue(post.db) == 2
        assert await end_overdue(post.db) == 0
    row = await post.row(silent)
    assert (row["status"], row["status_reason"]) == ("temporary-failure", "no receipt")
    assert row["updated_at"] - row["sent_at"] > timedelta(hours=72)
    statuses = [await post.status(i) for i in (pending, reported, abroad, unsent)]
    assert statuses == ["temporary-failure", "delivered", "sent", "created"]


async def test_72_hours_count_from_the_sending(post: Any) -> None:
    message_id = await post.a_message("sms", scheduled_for=clock.now() + timedelta(hours=20))
    with clock.shifted(timedelta(hours=20, minutes=1)):
        await post.deliverer().deliver("sms-normal")
    with clock.shifted(timedelta(hours=80)):
        assert await end_overdue(post.db) == 0
    with clock.shifted(timedelta(hours=93)):
        assert await end_overdue(post.db) == 1
    assert await post.status(message_id) == "temporary-failure"


async def test_receipt_after_the_72_hours_changes_nothing(post: Any) -> None:
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    with clock.shifted(timedelta(hours=73)):
        await end_overdue(post.db)
        assert await post.hear(message_id, "delivered") == ["known"]
    assert await post.status(message_id) == "temporary-failure"


async def test_message_that_left_weeks_after_it_was_made_is_timed_out_too(post: Any) -> None:
    """Held while its service was suspended, or replayed by an operator: its id is old, its 72 hours are not over."""
    message_id = await post.a_message("sms")
    with clock.shifted(timedelta(days=30)):
        await post.deliverer().deliver("sms-normal")
        assert await end_overdue(post.db) == 0
    with clock.shifted(timedelta(days=33, hours=1)):
        assert await end_overdue(post.db) == 1
    assert await post.status(message_id) == "temporary-failure"


async def test_more_than_a_batch_of_overdue_messages_is_ended_whole(post: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(flow, "_BATCH", 3)
    ids = [await post.a_message("sms") for _ in range(7)]
    await post.deliverer().deliver("sms-normal")
    # a chunk that leaves together has one time: a batch may end amid it
    await post.put("update notify.messages set sent_at = $1 where id = any($2)", clock.now(), ids[:5])
    with clock.shifted(timedelta(hours=73)):
        assert await end_overdue(post.db) == 7
    assert {await post.status(i) for i in ids} == {"temporary-failure"}


async def test_overdue_messages_are_found_by_an_index(post: Any) -> None:
    async with post.db.transaction() as tx:
        await tx.execute("set local enable_seqscan = off")
        now = clock.now()
        rows = await tx.fetch(f"explain {store._OVERDUE}", flow._LONG_AGO, now, UUID(int=(1 << 128) - 1), 9, now)
    plan = "\n".join(row[0] for row in rows)
    assert "sent_at_idx" in plan, plan
    assert "Seq Scan" not in plan, plan
