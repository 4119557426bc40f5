"""Receipts of providers over HTTP: they move a message by the table of states, and change nothing twice."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from services.notify.messages.states import FINAL, MOVES

NOWHERE = "0190163c-0000-7000-8000-000000000000"
REPORTABLE = ("pending", "delivered", "permanent-failure", "temporary-failure")


async def _report(
    desk: Any, message_id: str, status: str, *, token: str | None = "receipts-token", channel: str = "text", **more: Any
) -> Any:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    body = {"id": message_id, "status": status, **more}
    return await desk.notify.client.post(f"/v1/receipts/{channel}", headers=headers, json=body)


async def _put(desk: Any, message_id: str, status: str) -> None:
    await desk.put("update notify.messages set status = $2 where id = $1", UUID(message_id), status)


async def _row(desk: Any, message_id: str) -> Any:
    async with desk.db.reading() as tx:
        return await tx.fetchrow("select * from notify.messages where id = $1", UUID(message_id))


async def test_receipt_makes_the_moves_of_the_table_and_no_other(desk: Any) -> None:
    for before in sorted(MOVES):
        for reported in REPORTABLE:
            message_id = (await desk.sent("sms"))["id"]
            await _put(desk, message_id, before)
            answer = await _report(desk, message_id, reported, provider_reference="p-1")
            assert (answer.status_code, answer.content) == (204, b"")
            expected = reported if reported in MOVES[before] else before
            assert (await _row(desk, message_id))["status"] == expected


async def test_accepted_confirms_and_moves_nothing(desk: Any) -> None:
    for before in sorted(MOVES):
        message_id = (await desk.sent("sms"))["id"]
        await _put(desk, message_id, before)
        untouched = await _row(desk, message_id)
        assert (await _report(desk, message_id, "accepted")).status_code == 204
        assert await _row(desk, message_id) == untouched


async def test_late_receipt_changes_nothing_at_all(desk: Any) -> None:
    for final in sorted(FINAL):
        message_id = (await desk.sent("email"))["id"]
        await _put(desk, message_id, final)
        untouched = await _row(desk, message_id)
        for reported in REPORTABLE:
            assert (await _report(desk, message_id, reported, channel="email")).status_code == 204
        assert await _row(desk, message_id) == untouched


async def test_duplicate_changes_nothing_at_all(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    await _put(desk, message_id, "sending")
    assert (await _report(desk, message_id, "delivered")).status_code == 204
    first = await _row(desk, message_id)
    assert (await _report(desk, message_id, "delivered", provider_reference="other")).status_code == 204
    assert await _row(desk, message_id) == first
    shown = (await desk.read(message_id)).json()
    assert (shown["status"], shown["completed_at"] is not None) == ("delivered", True)


async def test_receipt_before_the_record_of_sending_counts(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    assert (await _report(desk, message_id, "delivered", provider_reference="p-9")).status_code == 204
    row = await _row(desk, message_id)
    assert (row["status"], row["provider_reference"], row["sent_at"] is not None) == ("delivered", "p-9", True)


async def test_many_receipts_at_once_keep_their_order_for_each_message(desk: Any) -> None:
    ids = [(await desk.sent("sms"))["id"] for _ in range(6)]
    await desk.put("update notify.messages set status = 'sending'")
    reports = [_report(desk, message_id, status) for message_id in ids for status in ("pending", "delivered")]
    assert {answer.status_code for answer in await asyncio.gather(*reports)} == {204}
    assert {(await _row(desk, message_id))["status"] for message_id in ids} == {"delivered"}


async def test_unknown_message_is_not_found_so_that_the_provider_comes_again(desk: Any) -> None:
    answer = await _report(desk, NOWHERE, "delivered")
    assert (answer.status_code, answer.json()["kind"]) == (404, "message-unknown")


async def test_route_wants_its_token(desk: Any) -> None:
    for token, status in [(None, 401), ("wrong", 403), ("", 403), ("é", 403)]:
        message_id = (await desk.sent("sms"))["id"]
        headers = [] if token is None else [("authorization", f"Bearer {token}".encode("latin-1"))]
        for channel in ("text", "email"):
            answer = await desk.notify.client.post(
                f"/v1/receipts/{channel}", headers=headers, json={"id": message_id, "status": "delivered"}
            )
            assert answer.status_code == status
        assert (await _row(desk, message_id))["status"] == "created"


async def test_key_of_a_service_is_no_token_for_receipts(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    body = {"id": message_id, "status": "delivered"}
    assert (await desk.notify.call("POST", "/v1/receipts/text", desk.keys["live"], body)).status_code == 403


async def test_report_that_cannot_be_read_is_refused(desk: Any) -> None:
    for body in [b"", b"{", b"[]", b'{"id":"x","status":"delivered"}', b'{"status":"delivered"}', b"\xff"]:
        headers = {"authorization": f"Bearer {desk.receipts_token}"}
        answer = await desk.notify.client.post("/v1/receipts/text", headers=headers, content=body)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_provider_can_report_no_state_of_ours(desk: Any) -> None:
    for status in ["created", "sending", "sent", "technical-failure", "cancelled", "read"]:
        message_id = (await desk.sent("sms"))["id"]
        assert (await _report(desk, message_id, status)).status_code == 400
