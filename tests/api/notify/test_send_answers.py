"""What a POST answers when the message is accepted (contract 1.1, 1.4, 1.5)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Content-Type,Authorization",
    "access-control-allow-methods": "GET,PUT,POST,DELETE",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-permitted-cross-domain-policies": "none",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "cache-control": "no-store, no-cache, private, must-revalidate",
}


async def test_text_is_answered_as_the_contract_says(desk: Any) -> None:
    accepted = await desk.sent("sms", reference="case-1")
    message_id, template_id = accepted["id"], desk.templates["sms"]
    assert UUID(message_id).version == 7
    assert accepted == {
        "id": message_id,
        "reference": "case-1",
        "content": {"body": "Hello Ada", "from_number": "COLONNADE"},
        "uri": f"https://notify.test/v2/notifications/{message_id}",
        "template": {
            "id": str(template_id),
            "version": 1,
            "uri": f"https://notify.test/services/{desk.service_id}/templates/{template_id}",
        },
        "scheduled_for": None,
    }


async def test_email_is_answered_as_the_contract_says(desk: Any) -> None:
    accepted = await desk.sent("email")
    message_id, template_id = accepted["id"], desk.templates["email"]
    assert accepted == {
        "id": message_id,
        "reference": None,
        "content": {
            "from_email": "parking.permits@notify.localhost",
            "body": "Dear Ada,\n\nyour permit is ready.",
            "subject": "About Ada",
            "one_click_unsubscribe_url": None,
        },
        "uri": f"https://notify.test/v2/notifications/{message_id}",
        "template": {
            "id": str(template_id),
            "version": 1,
            "uri": f"https://notify.test/services/{desk.service_id}/templates/{template_id}",
        },
        "scheduled_for": None,
        "sanitised_content": {},
    }


async def test_sanitised_content_shows_before_and_after_of_what_changed(desk: Any) -> None:
    evil = "User, [click here](https://evil.link)"
    accepted = await desk.sent("email", personalisation={"Name": evil}, sanitise_content_for=["name"])
    assert accepted["sanitised_content"] == {"Name": {"unsanitised": evil, "sanitised": r"User, \[click here\]\(\)"}}
    assert r"Dear User, \[click here\]\(\)," in accepted["content"]["body"]


async def test_unsubscribe_address_is_given_back(desk: Any) -> None:
    url = "https://permits.example.gov/stop?id=1"
    accepted = await desk.sent("email", one_click_unsubscribe_url=url)
    assert accepted["content"]["one_click_unsubscribe_url"] == url
    assert (await desk.read(accepted["id"])).json()["one_click_unsubscribe_url"] == url


async def test_body_of_a_text_leaves_the_prefix_out_and_is_sanitised(desk: Any) -> None:
    accepted = await desk.sent("sms", personalisation={"name": "“Zoë”\r\n\U0001f680…"})
    assert accepted["content"]["body"] == 'Hello "Zoë"\n?...'


async def test_chosen_sender_is_shown_as_from_number(desk: Any) -> None:
    first = await desk.testing.an_sms_sender(desk.db, desk.service_id, "PERMITS")
    second = await desk.testing.an_sms_sender(desk.db, desk.service_id, "07700 900 555")
    assert (await desk.sent("sms"))["content"]["from_number"] == "PERMITS"
    assert (await desk.sent("sms", sms_sender_id=str(first)))["content"]["from_number"] == "PERMITS"
    assert (await desk.sent("sms", sms_sender_id=str(second)))["content"]["from_number"] == "447700900555"


async def test_every_answer_carries_the_contracts_headers(desk: Any) -> None:
    answers = [
        await desk.send("sms"),
        await desk.send("sms", template_id="x"),
        await desk.notify.call("GET", "/v2/notifications", {}),
        await desk.notify.call("GET", "/v2/nothing", {}),
    ]
    assert [answer.status_code for answer in answers] == [201, 400, 401, 404]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_every_spelling_of_an_id_that_python_reads_is_taken(desk: Any) -> None:
    for spelling in ["{}", "{{{}}}", "urn:uuid:{}", "hex", "upper"]:
        plain = desk.templates["sms"]
        written = {"hex": plain.hex, "upper": str(plain).upper()}.get(spelling) or spelling.format(plain)
        accepted = await desk.sent("sms", template_id=written)
        assert accepted["template"]["id"] == str(plain)
        message_id = UUID(accepted["id"])
        path = {"hex": message_id.hex, "upper": str(message_id).upper()}.get(spelling) or spelling.format(message_id)
        assert (await desk.read(path)).json()["id"] == str(message_id)


async def test_json_is_read_whatever_the_content_type(desk: Any) -> None:
    for content_type in [None, "text/plain", "application/x-www-form-urlencoded"]:
        headers = {**desk.keys["live"], **({"content-type": content_type} if content_type else {})}
        raw = b'{"phone_number":"07700900123","template_id":"%s","personalisation":{"name":"A"}}'
        answer = await desk.notify.client.post(
            "/v2/notifications/sms", headers=headers, content=raw % str(desk.templates["sms"]).encode()
        )
        assert answer.status_code == 201, answer.text


async def test_extra_personalisation_is_let_be_and_values_are_shown_as_text(desk: Any) -> None:
    accepted = await desk.sent("sms", personalisation={"NA-me": ["a", "b", 3], "other": {"x": 1}})
    assert accepted["content"]["body"] == "Hello a, b and 3"


async def test_pinned_version_is_sent_however_often_the_template_is_edited(desk: Any) -> None:
    template = desk.templates["sms"]
    assert await desk.testing.a_new_version(desk.db, desk.service_id, template, "Changed ((name))") == 2
    latest = await desk.sent("sms")
    assert (latest["template"]["version"], latest["content"]["body"]) == (2, "Changed Ada")
    pinned = await desk.sent("sms", template_version=1)
    assert (pinned["template"]["version"], pinned["content"]["body"]) == (1, "Hello Ada")
    assert (await desk.read(pinned["id"])).json()["body"] == "Hello Ada"
    missing = await desk.send("sms", template_version=3)
    assert desk.refusal(missing) == (400, [("BadRequestError", "Template not found")])


async def test_edit_is_sent_by_every_process_within_two_seconds(desk: Any) -> None:
    assert (await desk.sent("sms"))["content"]["body"] == "Hello Ada"
    await desk.testing.a_new_version(desk.db, desk.service_id, desk.templates["sms"], "Good day ((name))")
    async with asyncio.timeout(10):
        while (await desk.sent("sms"))["content"]["body"] != "Good day Ada":
            await asyncio.sleep(0.1)


async def test_unknown_type_is_not_found_in_the_apps_own_form(desk: Any) -> None:
    for path in [
        "/v2/notifications/foo",
        "/v2/notifications/letter",
        "/v2/notifications/0190163c-0000-7000-8000-000000000000",
    ]:
        answer = await desk.notify.call("POST", path, desk.keys["live"], {})
        assert answer.status_code == 404, answer.text
        assert answer.json()["result"] == "error"
        assert answer.json()["message"].startswith("The requested URL was not found on the server. ")


async def test_wrong_method_is_said_in_the_apps_own_form(desk: Any) -> None:
    for method, path in (("PUT", "/v2/notifications/sms"), ("POST", "/v2/notifications"), ("PATCH", "/v2/templates")):
        answer = await desk.notify.call(method, path, desk.keys["live"], {})
        assert answer.status_code == 405, (method, path, answer.text)
        assert answer.json() == {"result": "error", "message": "The method is not allowed for the requested URL."}


async def test_oversized_body_is_refused_in_the_contracts_form(desk: Any) -> None:
    answer = await desk.notify.client.post(
        "/v2/notifications/sms", headers=desk.keys["live"], content=b" " * (6 * 1024 * 1024)
    )
    status, [(error, _)] = desk.refusal(answer)
    assert (status, error) == (413, "PayloadTooLargeError")
