"""Receipts and delivery meeting in either order, and the end after 72 hours without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from common import clock
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
