"""Templates over HTTP: the contract's reading (1.1, 1.5, 1.6) and our own making, changing and archiving."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

EMAIL = {
    "type": "email",
    "name": "Licence granted",
    "subject": "Your licence ((number))",
    "body": "Dear ((first name)),\n\n# Granted\n\n((urgent??Come now.))",
}
SMS = {"type": "sms", "name": "Reminder", "body": "Hello ((name)), your visit is on ((day))"}
WIRE_KEYS = {
    "id", "type", "created_at", "updated_at", "created_by", "version", "body", "subject", "name", "personalisation",
    "postage", "letter_contact_block",
}  # fmt: skip


async def _made(notify: Any, caller: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    answer = await notify.call("POST", "/v2/templates", caller, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _messages(answer: Any, status: int, error: str) -> list[str]:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status_code"] == status
    assert {entry["error"] for entry in body["errors"]} == {error}
    return [entry["message"] for entry in body["errors"]]


async def test_a_template_is_made_and_read_as_the_contract_says(notify: Any) -> None:
    caller = await notify.a_caller()
    made = await _made(notify, caller, EMAIL)
    assert set(made) == WIRE_KEYS | {"lane", "has_unsubscribe_link", "archived_at"}
    assert (made["version"], made["type"], made["updated_at"], made["created_by"]) == (1, "email", None, "deploys")
    assert (made["body"], made["subject"]) == (EMAIL["body"], EMAIL["subject"])
    assert made["personalisation"] == {
        "number": {"required": True}, "first name": {"required": True}, "urgent": {"required": True}
    }  # fmt: skip
    assert (made["lane"], made["has_unsubscribe_link"], made["postage"]) == ("normal", False, None)
    assert made["created_at"].endswith("Z")
    assert len(made["created_at"]) == 27
    for path in (f"/v2/template/{made['id']}", f"/v2/template/{made['id']}/version/1"):
        answer = await notify.call("GET", path, caller)
        assert (answer.status_code, answer.json()) == (200, made)


async def test_a_text_has_neither_subject_nor_html(notify: Any) -> None:
    caller = await notify.a_caller()
    made = await _made(notify, caller, SMS)
    assert made["subject"] is None
    filled = {"personalisation": {"NAME": "Ann", "day": ["Monday", "Friday"]}}
    answer = await notify.call("POST", f"/v2/template/{made['id']}/preview", caller, filled)
    assert answer.json() == {
        "id": made["id"], "type": "sms", "version": 1, "html": None, "subject": None, "postage": None,
        "body": "Hello Ann, your visit is on Monday and Friday",
    }  # fmt: skip


async def test_each_edit_makes_a_version_and_old_ones_stay(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    first = await _made(notify, caller, EMAIL)
    path = f"/v2/template/{first['id']}"
    second = (await notify.call("PATCH", path, caller, {"name": "Granted", "lane": "bulk"})).json()
    assert (second["version"], second["name"], second["lane"]) == (2, "Granted", "bulk")
    assert (second["subject"], second["created_at"]) == (first["subject"], first["created_at"])
    assert second["updated_at"] > first["created_at"]
    third = (await notify.call("PATCH", path, caller, {"has_unsubscribe_link": True})).json()
    assert (await notify.call("GET", path, caller)).json() == third
    assert (await notify.call("GET", f"{path}/version/0", caller)).json() == third
    assert (await notify.call("GET", f"{path}/version/2", caller)).json() == second
    history = (await notify.call("GET", f"{path}/versions", caller)).json()
    assert history == {"versions": [third, second, first]}
    changes = [event for event in await notify.audited(service) if event.action == "notify:template:update"]
    assert [event.after["changed"] for event in changes] == [["name", "lane"], ["has_unsubscribe_link"]]
    assert (changes[0].before["version"], changes[0].after["version"]) == (1, 2)


async def test_a_change_that_changes_nothing_makes_no_version(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    made = await _made(notify, caller, EMAIL)
    path = f"/v2/template/{made['id']}"
    for body in ({}, {"name": EMAIL["name"], "body": EMAIL["body"]}, {"subject": None}, {"version": 1}):
        assert (await notify.call("PATCH", path, caller, body)).json() == made
    assert [event.action for event in await notify.audited(service)] == ["notify:template:create"]


async def test_an_edit_of_a_version_that_is_no_longer_present_is_refused(notify: Any) -> None:
    caller = await notify.a_caller()
    path = f"/v2/template/{(await _made(notify, caller, SMS))['id']}"
    assert (await notify.call("PATCH", path, caller, {"name": "B", "version": 1})).status_code == 200
    answer = await notify.call("PATCH", path, caller, {"name": "C", "version": 1})
    assert _messages(answer, 409, "ConflictError") == [
        "The template is at version 2 now. Read it, and make the change again."
    ]


async def test_edits_at_the_same_moment_each_make_their_own_version(notify: Any) -> None:
    caller = await notify.a_caller()
    path = f"/v2/template/{(await _made(notify, caller, SMS))['id']}"
    edits = [notify.call("PATCH", path, caller, {"body": f"Text {n}"}) for n in range(6)]
    versions = [answer.json()["version"] for answer in await asyncio.gather(*edits)]
    assert sorted(versions) == [2, 3, 4, 5, 6, 7]
    guarded = [notify.call("PATCH", path, caller, {"body": f"More {n}", "version": 7}) for n in range(4)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*guarded)) == [200, 409, 409, 409]


async def test_an_archived_template_leaves_the_list_but_can_be_read(notify: Any) -> None:
    service = await notify.a_service()
    caller = await notify.a_key(service)
    made = await _made(notify, caller, SMS)
    path = f"/v2/template/{made['id']}"
    for _ in range(2):
        answer = await notify.call("DELETE", path, caller)
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await notify.call("GET", "/v2/templates", caller)).json() == {"templates": []}
    read = (await notify.call("GET", path, caller)).json()
    assert read["archived_at"] is not None
    assert {**read, "archived_at": None} == made
    answer = await notify.call("PATCH", path, caller, {"name": "B"})
    assert _messages(answer, 400, "BadRequestError") == ["Template has been deleted"]
    assert [event.action for event in await notify.audited(service)].count("notify:template:archive") == 1


async def test_the_list_is_by_name_then_type_and_can_be_of_one_type(notify: Any) -> None:
    caller = await notify.a_caller()
    for body in ({**SMS, "name": "beta"}, {**SMS, "name": "Alpha"}, {**EMAIL, "name": "Alpha"}):
        await _made(notify, caller, body)
    listed = (await notify.call("GET", "/v2/templates", caller)).json()["templates"]
    assert [(t["name"], t["type"]) for t in listed] == [("Alpha", "email"), ("Alpha", "sms"), ("beta", "sms")]
    only = (await notify.call("GET", "/v2/templates?type=email", caller)).json()["templates"]
    assert [t["type"] for t in only] == ["email"]
    assert (await notify.call("GET", "/v2/templates?type=letter", caller)).json() == {"templates": []}
    answer = await notify.call("GET", "/v2/templates?type=fax", caller)
    assert _messages(answer, 400, "ValidationError") == ["type fax is not one of [sms, email, letter]"]


async def test_another_service_finds_none_of_it(notify: Any) -> None:
    caller, stranger = await notify.a_caller(), await notify.a_caller()
    path = f"/v2/template/{(await _made(notify, caller, SMS))['id']}"
    calls = [
        ("GET", path, None), ("GET", f"{path}/version/1", None), ("GET", f"{path}/versions", None),
        ("POST", f"{path}/preview", {}), ("PATCH", path, {"name": "B"}), ("DELETE", path, None),
    ]  # fmt: skip
    for method, address, body in calls:
        answer = await notify.call(method, address, stranger, body)
        assert _messages(answer, 404, "NoResultFound") == ["No result found"], (method, address)
    assert (await notify.call("GET", "/v2/templates", stranger)).json() == {"templates": []}
    assert (await notify.call("GET", path, caller)).json()["name"] == "Reminder"


@pytest.mark.parametrize("version", ["2", "99999999999999999999", "-1"])
async def test_a_version_that_was_never_made_is_not_found(notify: Any, version: str) -> None:
    caller = await notify.a_caller()
    made = await _made(notify, caller, SMS)
    answer = await notify.call("GET", f"/v2/template/{made['id']}/version/{version}", caller)
    assert answer.status_code == 404


async def test_an_id_that_is_none_is_said_to_be_none(notify: Any) -> None:
    caller = await notify.a_caller()
    for method, path in (
        ("GET", "/v2/template/x"), ("GET", "/v2/template/x/version/1"), ("PATCH", "/v2/template/x"),
        ("GET", "/v2/template/x/versions"), ("DELETE", "/v2/template/x"),
    ):  # fmt: skip
        assert _messages(await notify.call(method, path, caller), 400, "ValidationError") == ["id is not a valid UUID"]
    answer = await notify.call("POST", "/v2/template/x/preview", caller, {"personalisation": "a"})
    assert _messages(answer, 400, "ValidationError") == [
        "id is not a valid UUID", "personalisation a is not of type object"
    ]  # fmt: skip


async def test_a_preview_shows_the_body_the_fragment_and_the_subject(notify: Any) -> None:
    caller = await notify.a_caller()
    made = await _made(notify, caller, EMAIL)
    filled = {"personalisation": {"number": 7, "first_name": "<Ann>", "urgent": "yes"}}
    answer = await notify.call("POST", f"/v2/template/{made['id']}/preview", caller, filled)
    shown = answer.json()
    assert answer.status_code == 200
    assert set(shown) == {"id", "type", "version", "body", "html", "subject", "postage"}
    assert shown["subject"] == "Your licence 7"
    assert shown["body"] == "Dear <Ann>,\n\n# Granted\n\nCome now."
    assert "&lt;Ann&gt;" in shown["html"]
    assert "<h2" in shown["html"]


async def test_a_preview_may_have_an_empty_body_but_not_a_placeholder_without_value(notify: Any) -> None:
    caller = await notify.a_caller()
    plain = await _made(notify, caller, {**SMS, "body": "Hello"})
    answer = await notify.client.post(f"/v2/template/{plain['id']}/preview", headers=caller)
    assert (answer.status_code, answer.json()["body"]) == (200, "Hello")
    made = await _made(notify, caller, SMS)
    answer = await notify.client.post(f"/v2/template/{made['id']}/preview", headers=caller)
    assert _messages(answer, 400, "BadRequestError") == ["Missing personalisation: name, day"]
    answer = await notify.client.post(f"/v2/template/{made['id']}/preview", headers=caller, content=b"{")
    assert _messages(answer, 400, "BadRequestError") == ["Invalid JSON supplied in POST data"]


async def test_every_fault_of_a_new_template_is_named_at_once(notify: Any) -> None:
    caller = await notify.a_caller()
    body = {"type": "sms", "name": "x" * 256, "subject": "S", "lane": "fast", "body": "y" * 919, "colour": "red",
            "has_unsubscribe_link": True}  # fmt: skip
    assert _messages(await notify.call("POST", "/v2/templates", caller, body), 400, "ValidationError") == [
        "name must not be longer than 255 characters",
        "lane fast is not one of [priority, normal, bulk]",
        "Additional properties are not allowed (colour was unexpected)",
        "subject is for email templates only",
        "has_unsubscribe_link is for email templates only",
        "body must not be longer than 918 characters. It is 919 characters long.",
    ]
    assert _messages(await notify.call("POST", "/v2/templates", caller, {}), 400, "ValidationError") == [
        "type is a required property", "name is a required property", "body is a required property"
    ]  # fmt: skip
    without = {"type": "email", "name": " ", "body": "a\0b"}
    assert _messages(await notify.call("POST", "/v2/templates", caller, without), 400, "ValidationError") == [
        "name must not be empty", "body must not contain NUL characters", "subject is a required property"
    ]  # fmt: skip
    assert (await notify.call("GET", "/v2/templates", caller)).json() == {"templates": []}


async def test_an_edit_is_checked_by_the_channel_of_its_template(notify: Any) -> None:
    caller = await notify.a_caller()
    path = f"/v2/template/{(await _made(notify, caller, SMS))['id']}"
    body = {"subject": "S", "body": "y" * 919, "type": "email"}
    assert _messages(await notify.call("PATCH", path, caller, body), 400, "ValidationError") == [
        "Additional properties are not allowed (type was unexpected)",
        "subject is for email templates only",
        "body must not be longer than 918 characters. It is 919 characters long.",
    ]


async def test_the_same_idempotency_key_makes_one_template(notify: Any) -> None:
    service = await notify.a_service()
    caller, testing = await notify.a_key(service), await notify.a_key(service, kind="test")
    calls = [notify.call("POST", "/v2/templates", caller, SMS, idempotency_key="k1") for _ in range(4)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    made = answers[0].json()
    assert all(answer.json() == made for answer in answers)
    await notify.call("PATCH", f"/v2/template/{made['id']}", caller, {"name": "Later"})
    again = await notify.call("POST", "/v2/templates", caller, SMS, idempotency_key="k1")
    assert again.json() == made
    other = await notify.call("POST", "/v2/templates", caller, {**SMS, "name": "B"}, idempotency_key="k1")
    assert other.status_code == 409
    elsewhere = await notify.call("POST", "/v2/templates", testing, SMS, idempotency_key="k1")
    assert elsewhere.json()["id"] != made["id"]


async def test_a_refused_template_burns_no_idempotency_key(notify: Any) -> None:
    caller = await notify.a_caller()
    refused = await notify.call("POST", "/v2/templates", caller, {**SMS, "name": ""}, idempotency_key="k1")
    assert refused.status_code == 400
    assert (await notify.call("POST", "/v2/templates", caller, SMS, idempotency_key="k1")).status_code == 201


async def test_test_and_live_keys_see_the_same_templates(notify: Any) -> None:
    service = await notify.a_service()
    live, testing = await notify.a_key(service), await notify.a_key(service, kind="test")
    made = await _made(notify, testing, SMS)
    assert (await notify.call("GET", f"/v2/template/{made['id']}", live)).json() == made


async def test_a_key_needs_the_scope(notify: Any) -> None:
    service = await notify.a_service()
    reader = await notify.a_key(service, scopes=["notify:read"])
    sender = await notify.a_key(service, scopes=["notify:send"])
    _messages(await notify.call("POST", "/v2/templates", reader, SMS), 403, "AuthError")
    _messages(await notify.call("PATCH", f"/v2/template/{uuid4()}", reader, {}), 403, "AuthError")
    _messages(await notify.call("DELETE", f"/v2/template/{uuid4()}", reader), 403, "AuthError")
    _messages(await notify.call("GET", "/v2/templates", sender), 403, "AuthError")
    assert (await notify.call("GET", "/v2/templates", reader)).status_code == 200
    _messages(await notify.call("GET", "/v2/templates", {}), 401, "AuthError")


async def test_an_operator_names_the_service_and_is_named_as_author(notify: Any) -> None:
    service = await notify.a_service()
    ada = await notify.an_operator(None, "notify:read", "notify:templates")
    _messages(await notify.call("GET", "/v2/templates", ada), 400, "BadRequestError")
    answer = await notify.call("POST", f"/v2/templates?service_id={service}", ada, SMS)
    assert (answer.status_code, answer.json()["created_by"]) == (201, "ada")
    listed = await notify.call("GET", f"/v2/templates?service_id={service}&type=sms", ada)
    assert len(listed.json()["templates"]) == 1
    _messages(await notify.call("POST", f"/v2/templates?service_id={UUID(int=7)}", ada, SMS), 404, "NoResultFound")
    event = (await notify.audited(service))[-1]
    assert (event.actor_kind, event.actor) == ("operator", "ada")
