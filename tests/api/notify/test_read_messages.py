"""GET of one message (contract 1.5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

NOWHERE = "0190163c-0000-7000-8000-000000000000"


def _is_moment(text: str) -> bool:
    return len(text) == 27 and datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") is not None


async def test_text_is_shown_with_every_key(desk: Any) -> None:
    accepted = await desk.sent("sms", reference="r", phone_number="  07700 900 123 ")
    shown = (await desk.read(accepted["id"])).json()
    assert _is_moment(shown.pop("created_at"))
    assert shown == {
        "id": accepted["id"],
        "reference": "r",
        "email_address": None,
        "phone_number": "07700 900 123",
        "line_1": None, "line_2": None, "line_3": None, "line_4": None, "line_5": None, "line_6": None,
        "postcode": None,
        "type": "sms",
        "status": "created",
        "template": {
            "id": str(desk.templates["sms"]),
            "version": 1,
            "uri": f"https://notify.test/v2/template/{desk.templates['sms']}/version/1",
        },
        "body": "Hello Ada",
        "subject": None,
        "created_by_name": None,
        "sent_at": None,
        "completed_at": None,
        "scheduled_for": None,
        "postage": None,
        "one_click_unsubscribe_url": None,
        "cost_details": {},
        "cost_in_pounds": None,
        "is_cost_data_ready": False,
    }  # fmt: skip


async def test_email_is_shown_as_written_with_its_subject_and_no_cost(desk: Any) -> None:
    accepted = await desk.sent("email", email_address=" Ada.Lovelace@Example.GOV ")
    shown = (await desk.read(accepted["id"])).json()
    assert (shown["email_address"], shown["phone_number"]) == ("Ada.Lovelace@Example.GOV", None)
    assert (shown["subject"], shown["body"]) == ("About Ada", "Dear Ada,\n\nyour permit is ready.")
    assert (shown["cost_details"], shown["cost_in_pounds"], shown["is_cost_data_ready"]) == ({}, 0.0, True)


async def test_text_that_went_out_shows_what_it_cost(desk: Any) -> None:
    accepted = await desk.sent("sms")
    await desk.put("update notify.messages set status = 'sending', billable_units = 3, rate_multiplier = 2")
    shown = (await desk.read(accepted["id"])).json()
    assert shown["cost_details"] == {
        "billable_sms_fragments": 3, "international_rate_multiplier": 2, "sms_rate": 0.02
    }  # fmt: skip
    assert (shown["cost_in_pounds"], shown["is_cost_data_ready"]) == (0.12, True)


async def test_completed_at_is_there_once_the_status_is_an_end(desk: Any) -> None:
    for status, is_completed in [
        ("created", False),
        ("sending", False),
        ("pending", False),
        ("sent", True),
        ("delivered", True),
        ("permanent-failure", True),
        ("temporary-failure", True),
        ("technical-failure", True),
        ("cancelled", True),
    ]:
        accepted = await desk.sent("sms")
        await desk.put("update notify.messages set status = $1, updated_at = now()", status)
        shown = (await desk.read(accepted["id"])).json()
        assert shown["status"] == status
        assert (shown["completed_at"] is not None) == is_completed


async def test_any_key_of_the_service_reads_by_id(desk: Any) -> None:
    for sender in ("live", "test"):
        message_id = (await desk.sent("sms", sender))["id"]
        for reader in ("live", "team", "test"):
            assert (await desk.read(message_id, reader)).status_code == 200


async def test_message_of_another_service_is_not_found(desk: Any, trial: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    for who, wanted in ((trial, message_id), (desk, NOWHERE)):
        assert who.refusal(await who.read(wanted)) == (404, [("NoResultFound", "No result found")])


async def test_id_that_is_none_is_said_to_be_none(desk: Any) -> None:
    for wanted in ["abc", "5", f"{NOWHERE}0"]:
        text = "notification_id is not a valid UUID"
        assert desk.refusal(await desk.read(wanted)) == (400, [("ValidationError", text)])


async def test_reading_needs_the_scope(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    sender = await desk.notify.a_key(desk.service_id, scopes=["notify:send"])
    for path in (f"/v2/notifications/{message_id}", "/v2/notifications"):
        assert desk.refusal(await desk.notify.call("GET", path, sender))[0] == 403


async def test_message_past_retention_is_gone_for_its_readers(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    await desk.put("update notify.messages set personal = null, recipient_index = null")
    assert desk.refusal(await desk.read(message_id)) == (404, [("NoResultFound", "No result found")])
    assert (await desk.notify.call("GET", "/v2/notifications", desk.keys["live"])).json()["notifications"] == []


async def test_operators_reading_is_audited_with_the_id_alone(desk: Any) -> None:
    message_id = (await desk.sent("sms"))["id"]
    operator = await desk.notify.an_operator(desk.service_id, "notify:read")
    assert (await desk.notify.call("GET", f"/v2/notifications/{message_id}", operator)).status_code == 200
    assert (await desk.notify.call("GET", "/v2/notifications", operator)).status_code == 200
    events = [e for e in await desk.notify.audited(desk.service_id) if e.action == "notify:message:read"]
    assert [event.subject_id for event in events] == [message_id, str(desk.service_id)]


async def test_operator_who_finds_nothing_leaves_no_trace_of_a_reading(desk: Any) -> None:
    operator = await desk.notify.an_operator(desk.service_id, "notify:read")
    assert (await desk.notify.call("GET", f"/v2/notifications/{NOWHERE}", operator)).status_code == 404
    assert [e for e in await desk.notify.audited(desk.service_id) if e.action == "notify:message:read"] == []
