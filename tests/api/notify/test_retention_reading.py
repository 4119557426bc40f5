"""What readers see once a service's days are over: nothing (contract 1.12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from common import clock
from services.notify.retention.flow import blank_expired


async def test_expired_messages_are_gone_and_test_messages_leave_no_row(desk: Any) -> None:
    live, test = (await desk.sent("sms"))["id"], (await desk.sent("sms", "test"))["id"]
    with clock.shifted(timedelta(days=6)):
        young = (await desk.sent("sms"))["id"]
    with clock.shifted(timedelta(days=7, minutes=1)):
        assert await blank_expired(desk.db) == 2
    for message_id in (live, test):
        assert desk.refusal(await desk.read(message_id)) == (404, [("NoResultFound", "No result found")])
    assert (await desk.read(young)).status_code == 200
    listed = (await desk.notify.call("GET", "/v2/notifications", desk.keys["live"])).json()["notifications"]
    assert [message["id"] for message in listed] == [young]
    assert await desk.rows() == 2


async def test_repeat_of_a_request_whose_message_is_gone_is_refused(desk: Any) -> None:
    first = await desk.send("sms", idempotency_key="one")
    assert first.status_code == 201
    with clock.shifted(timedelta(days=7, minutes=1)):
        await blank_expired(desk.db)
    again = await desk.send("sms", idempotency_key="one")
    text = "The message of this Idempotency-Key is no longer kept."
    assert desk.refusal(again) == (409, [("ConflictError", text)])
