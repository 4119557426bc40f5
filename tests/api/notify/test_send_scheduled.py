"""scheduled_for really schedules; a scheduled message can be cancelled until it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from common import clock

NOWHERE = "0190163c-0000-7000-8000-000000000000"


def _wire(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _scheduled(desk: Any, *, hours: float = 2, key: str = "live") -> dict[str, Any]:
    accepted: dict[str, Any] = await desk.sent("sms", key, scheduled_for=_wire(clock.now() + timedelta(hours=hours)))
    return accepted


async def _cancelled(desk: Any, message_id: str, key: str = "live") -> Any:
    return await desk.notify.call("DELETE", f"/v2/notifications/{message_id}", desk.keys[key])


async def test_time_is_echoed_in_utc_and_the_message_stays_created(desk: Any) -> None:
    at = clock.now() + timedelta(hours=3)
    accepted = await desk.sent("email", scheduled_for=at.astimezone(timezone(timedelta(hours=2))).isoformat())
    assert accepted["scheduled_for"] == _wire(at)
    shown = (await desk.read(accepted["id"])).json()
    assert (shown["scheduled_for"], shown["status"], shown["sent_at"]) == (_wire(at), "created", None)
    async with desk.db.reading() as tx:
        assert await tx.fetchval("select due_at from notify.work") == at


async def test_null_and_the_limits_of_the_window_are_taken(desk: Any) -> None:
    body = {**desk.body("sms"), "scheduled_for": None}
    answer = await desk.notify.call("POST", "/v2/notifications/sms", desk.keys["live"], body)
    assert (answer.status_code, answer.json()["scheduled_for"]) == (201, None)
    with clock.frozen(clock.now()):
        assert (await desk.send("sms", scheduled_for=_wire(clock.now()))).status_code == 201
        day = _wire(clock.now() + timedelta(hours=24))
        assert (await desk.send("sms", scheduled_for=day)).status_code == 201


async def test_scheduled_message_is_cancelled(desk: Any) -> None:
    accepted = await _scheduled(desk)
    answer = await _cancelled(desk, accepted["id"])
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["id"], shown["status"]) == (accepted["id"], "cancelled")
    assert shown["completed_at"] is not None
    assert (await desk.read(accepted["id"])).json() == shown
    async with desk.db.reading() as tx:
        assert await tx.fetchval("select count(*) from notify.work") == 0


async def test_cancelling_twice_is_refused(desk: Any) -> None:
    accepted = await _scheduled(desk)
    await _cancelled(desk, accepted["id"])
    text = "The message is cancelled; only one that is scheduled and not yet due can be cancelled."
    assert desk.refusal(await _cancelled(desk, accepted["id"])) == (409, [("ConflictError", text)])


async def test_message_that_is_due_or_was_never_scheduled_cannot_be_cancelled(desk: Any) -> None:
    text = "The message is created; only one that is scheduled and not yet due can be cancelled."
    for message_id in ((await desk.sent("sms"))["id"], late := (await _scheduled(desk))["id"]):
        with clock.shifted(timedelta(hours=2, minutes=1)):
            assert desk.refusal(await _cancelled(desk, message_id)) == (409, [("ConflictError", text)])
    assert (await desk.read(late)).json()["status"] == "created"


async def test_cancelling_what_is_not_there_or_not_ours_finds_nothing(desk: Any, trial: Any) -> None:
    accepted = await _scheduled(desk)
    for who, message_id in ((desk, NOWHERE), (trial, accepted["id"])):
        assert desk.refusal(await _cancelled(who, message_id)) == (404, [("NoResultFound", "No result found")])
    text = "notification_id is not a valid UUID"
    assert desk.refusal(await _cancelled(desk, "x")) == (400, [("ValidationError", text)])
    assert (await desk.read(accepted["id"])).json()["status"] == "created"


async def test_key_needs_the_scope_to_cancel(desk: Any) -> None:
    accepted = await _scheduled(desk)
    reader = await desk.notify.a_key(desk.service_id, scopes=["notify:read"])
    answer = await desk.notify.call("DELETE", f"/v2/notifications/{accepted['id']}", reader)
    assert desk.refusal(answer)[0] == 403


async def test_operators_cancelling_is_audited(desk: Any) -> None:
    accepted = await _scheduled(desk)
    operator = await desk.notify.an_operator(desk.service_id, "notify:send")
    answer = await desk.notify.call("DELETE", f"/v2/notifications/{accepted['id']}", operator)
    assert answer.json()["status"] == "cancelled"
    event = (await desk.notify.audited(desk.service_id))[-1]
    assert (event.action, event.subject_id) == ("notify:message:cancel", accepted["id"])
