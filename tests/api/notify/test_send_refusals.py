"""Why a message is not accepted: the texts of contract 1.3 and 1.6 for e-mail and text, and their order (1.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.notify.configuration.rules import SettingsChange
from services.notify.testing import a_template

NOWHERE = "0190163c-0000-7000-8000-000000000000"
SCHEMA = "ValidationError"
OTHER = "BadRequestError"
TOO_FAR = datetime.now(UTC) + timedelta(days=30)
MOMENT = (
    "scheduled_for datetime format is invalid. It must be a valid ISO8601 date time format, "
    "https://en.wikipedia.org/wiki/ISO_8601"
)
NOT_VALID = "phone_number Number is not valid – double check the phone number you entered"


async def test_faults_of_a_texts_body_are_all_named(desk: Any) -> None:
    for fields, messages in [
        ({"phone_number": None}, ["phone_number is a required property"]),
        (
            {"phone_number": None, "template_id": None},
            ["phone_number is a required property", "template_id is a required property"],
        ),
        ({"template_id": "abc"}, ["template_id is not a valid UUID"]),
        ({"template_id": 5}, ["template_id is not a valid UUID"]),
        ({"foo": 1}, ["Additional properties are not allowed (foo was unexpected)"]),
        ({"foo": 1, "bar": 2}, ["Additional properties are not allowed (bar, foo were unexpected)"]),
        ({"email_address": "a@b.gov"}, ["Additional properties are not allowed (email_address was unexpected)"]),
        ({"personalisation": "x"}, ["personalisation x is not of type object"]),
        ({"reference": 5}, ["reference 5 is not of type string"]),
        ({"reference": "r" * 1001}, [f"reference {'r' * 1001} is too long"]),
        ({"phone_number": 7700900000}, ["phone_number 7700900000 is not of type string"]),
        ({"phone_number": ""}, ["phone_number Not enough digits"]),
        ({"phone_number": "07700"}, ["phone_number Not enough digits"]),
        ({"phone_number": "077009001234567"}, ["phone_number Too many digits"]),
        ({"phone_number": "07700 9OO 123"}, ["phone_number Must not contain letters or symbols"]),
        ({"phone_number": "06012345678"}, [NOT_VALID]),
        ({"sms_sender_id": "x"}, ["sms_sender_id is not a valid UUID"]),
        ({"scheduled_for": "2020-01-01T00:00:00Z"}, ["scheduled_for datetime can not be in the past"]),
        (
            {"scheduled_for": TOO_FAR.isoformat()},
            ["scheduled_for datetime can only be 24 hours in the future"],
        ),
        ({"scheduled_for": "tomorrow"}, [MOMENT]),
        ({"template_version": 0}, ["template_version 0 is less than the minimum of 1"]),
    ]:
        answer = await desk.send("sms", **fields)
        assert desk.refusal(answer) == (400, [(SCHEMA, message) for message in messages])


async def test_faults_of_an_emails_body_are_all_named(desk: Any) -> None:
    for fields, messages in [
        ({"email_address": None}, ["email_address is a required property"]),
        ({"email_address": "ada"}, ["email_address Not a valid email address"]),
        ({"email_address": 5}, ["email_address 5 is not of type string"]),
        ({"email_reply_to_id": "x"}, ["email_reply_to_id is not a valid UUID"]),
        (
            {"one_click_unsubscribe_url": "http://a.gov"},
            ["one_click_unsubscribe_url is not a valid https url"],
        ),
        ({"sanitise_content_for": "name"}, ["sanitise_content_for name is not of type array, null"]),
        (
            {"email_address": "ada", "template_id": "x", "foo": 1},
            [
                "email_address Not a valid email address",
                "template_id is not a valid UUID",
                "Additional properties are not allowed (foo was unexpected)",
            ],
        ),
    ]:
        answer = await desk.send("email", **fields)
        assert desk.refusal(answer) == (400, [(SCHEMA, message) for message in messages])


async def test_null_is_no_phone_number(desk: Any) -> None:
    body = {**desk.body("sms"), "phone_number": None}
    answer = await desk.notify.call("POST", "/v2/notifications/sms", desk.keys["live"], body)
    assert desk.refusal(answer) == (400, [(SCHEMA, "phone_number None is not of type string")])


async def test_body_that_is_no_json_is_refused(desk: Any) -> None:
    for raw in [b"", b"{", b"\xff\xfe", b'{"a":NaN}', b"nul"]:
        answer = await desk.notify.client.post("/v2/notifications/email", headers=desk.keys["live"], content=raw)
        assert desk.refusal(answer) == (400, [(OTHER, "Invalid JSON supplied in POST data")])


async def test_body_that_is_no_object_is_refused(desk: Any) -> None:
    answer = await desk.notify.client.post("/v2/notifications/email", headers=desk.keys["live"], content=b"[1]")
    assert desk.refusal(answer) == (400, [(SCHEMA, "[1] is not of type object")])


async def test_nul_character_is_refused_and_not_a_fault_of_ours(desk: Any) -> None:
    answer = await desk.send("sms", reference="a\0b")
    assert desk.refusal(answer) == (400, [(SCHEMA, "reference must not contain NUL characters")])


# templates -----------------------------------------------------------------


async def test_template_must_exist_be_of_the_channel_and_in_use(desk: Any) -> None:
    assert desk.refusal(await desk.send("sms", template_id=NOWHERE)) == (400, [(OTHER, "Template not found")])
    foreign = await desk.testing.a_template(desk.db, await desk.notify.a_service(), "sms")
    assert desk.refusal(await desk.send("sms", template_id=str(foreign))) == (400, [(OTHER, "Template not found")])
    for channel, other in (("sms", "email"), ("email", "sms")):
        answer = await desk.send(channel, template_id=str(desk.templates[other]))
        text = f"{other} template is not suitable for {channel} notification"
        assert desk.refusal(answer) == (400, [(OTHER, text)])
    await desk.testing.archive(desk.db, desk.service_id, archived := await desk.testing.a_template(
        desk.db, desk.service_id, "email"
    ))  # fmt: skip
    answer = await desk.send("email", template_id=str(archived))
    assert desk.refusal(answer) == (400, [(OTHER, "Template has been deleted")])
    # the type is looked at before the archive
    answer = await desk.send("sms", template_id=str(archived))
    assert desk.refusal(answer) == (400, [(OTHER, "email template is not suitable for sms notification")])


async def test_missing_personalisation_is_named_in_the_templates_order(desk: Any) -> None:
    template = await desk.testing.a_template(
        desk.db, desk.service_id, "email", subject="((zeta)) ((Alpha))", content="((mid??x)) ((beta)) ((alpha))"
    )
    answer = await desk.send("email", template_id=str(template), personalisation={"alpha": None, "other": 1})
    assert desk.refusal(answer) == (400, [(OTHER, "Missing personalisation: zeta, Alpha, mid, beta")])


async def test_message_without_words_is_refused(desk: Any) -> None:
    for channel in ("sms", "email"):
        template = await desk.testing.a_template(desk.db, desk.service_id, channel, content="((name))", subject=None)
        answer = await desk.send(channel, template_id=str(template), personalisation={"name": " \n "})
        assert desk.refusal(answer) == (400, [(OTHER, "Your message is empty.")])


async def test_text_may_have_918_characters_without_its_prefix(desk: Any) -> None:
    long = "x" * (918 - len("Hello "))
    assert (await desk.send("sms", personalisation={"name": long})).status_code == 201
    answer = await desk.send("sms", personalisation={"name": long + "y"})
    text = (
        "Your message is too long. Text messages cannot be longer than 918 characters. "
        "Your message is 919 characters long."
    )
    assert desk.refusal(answer) == (400, [(OTHER, text)])


async def test_email_may_have_two_million_bytes(desk: Any) -> None:
    content = "Dear ((name)),\n\nyour permit is ready."
    template = str(await a_template(desk.notify.db, desk.service_id, "email", subject="Permit", content=content))
    rest = len(b"Dear ,\n\nyour permit is ready.")
    most = {"name": "é" * ((2_000_000 - rest) // 2)}
    assert (await desk.send("email", template_id=template, personalisation=most)).status_code == 201
    answer = await desk.send("email", template_id=template, personalisation={"name": "x" * (2_000_001 - rest)})
    text = "Your message is too long. Emails cannot be longer than 2000000 bytes. Your message is 2000001 bytes."
    assert desk.refusal(answer) == (400, [(OTHER, text)])


async def test_subject_may_have_two_thousand_characters(desk: Any) -> None:
    template = str(await a_template(desk.notify.db, desk.service_id, "email", subject="((name))", content="Hello"))
    most = {"name": "x" * 2_000}
    assert (await desk.send("email", template_id=template, personalisation=most)).status_code == 201
    answer = await desk.send("email", template_id=template, personalisation={"name": "x" * 2_001})
    text = (
        "Your message is too long. Subjects cannot be longer than 2000 characters. "
        "Your subject is 2001 characters long."
    )
    assert desk.refusal(answer) == (400, [(OTHER, text)])


async def test_files_go_by_email_only_and_only_once_set_up(desk: Any) -> None:
    file = {"file": "aGVsbG8=", "filename": None, "confirm_email_before_download": None, "retention_period": None}
    answer = await desk.send("sms", personalisation={"name": file})
    assert desk.refusal(answer) == (400, [(OTHER, "Can only send a file by email")])
    answer = await desk.send("email", personalisation={"name": file})
    text = (
        "Send files by email has not been set up - add contact details for your service at "
        f"http://127.0.0.1:8000/services/{desk.service_id}/service-settings/send-files-by-email"
    )
    assert desk.refusal(answer) == (400, [(OTHER, text)])


@pytest.mark.parametrize(
    ("channel", "text"), [("sms", "Service is not allowed to send text messages"),
                          ("email", "Service is not allowed to send emails")],
)  # fmt: skip
async def test_channel_must_be_on(desk: Any, channel: str, text: str) -> None:
    other = "email" if channel == "sms" else "sms"
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(channels=[other]))
    assert desk.refusal(await desk.send(channel)) == (400, [(OTHER, text)])
    assert (await desk.send(other)).status_code == 201


# senders --------------------------------------------------------------------


async def test_sender_must_be_one_of_the_services(desk: Any) -> None:
    for channel, field in (("sms", "sms_sender_id"), ("email", "email_reply_to_id")):
        answer = await desk.send(channel, **{field: NOWHERE})
        text = f"{field} {NOWHERE} does not exist in database for service id {desk.service_id}"
        assert desk.refusal(answer) == (400, [(OTHER, text)])


async def test_archived_sender_and_that_of_another_service_do_not_exist(desk: Any) -> None:
    await desk.testing.an_sms_sender(desk.db, desk.service_id, "PERMITS")
    archived = await desk.testing.an_sms_sender(desk.db, desk.service_id, "PARKING")
    await desk.testing.archive_sms_sender(desk.db, desk.service_id, archived)
    foreign = await desk.testing.an_sms_sender(desk.db, await desk.notify.a_service(), "DOGS")
    for sender in (archived, foreign):
        answer = await desk.send("sms", sms_sender_id=str(sender))
        text = f"sms_sender_id {sender} does not exist in database for service id {desk.service_id}"
        assert desk.refusal(answer) == (400, [(OTHER, text)])


# phone numbers and permissions ------------------------------------------------


async def test_number_abroad_needs_the_permission(desk: Any) -> None:
    answer = await desk.send("sms", phone_number="+33 6 12 34 56 78")
    assert desk.refusal(answer) == (400, [(OTHER, "Cannot send to international mobile numbers")])


async def test_crown_dependency_needs_no_permission(desk: Any) -> None:
    assert (await desk.send("sms", phone_number="07797 700 123")).status_code == 201


async def test_landline_needs_the_permission(desk: Any) -> None:
    answer = await desk.send("sms", phone_number="020 7946 0991")
    assert desk.refusal(answer) == (400, [("InvalidPhoneError", "Not a UK mobile number")])


async def test_permissions_let_numbers_abroad_and_landlines_through(desk: Any) -> None:
    change = SettingsChange(international_sms=True, sms_to_landlines=True)
    await desk.testing.with_settings(desk.db, desk.service_id, change)
    for number in ("+33 6 12 34 56 78", "020 7946 0991"):
        assert (await desk.send("sms", phone_number=number)).status_code == 201


# order -----------------------------------------------------------------------


async def test_each_check_is_made_in_the_contracts_order(desk: Any) -> None:
    """A body with every fault at once, mended one by one: each time the next check of the order speaks."""
    two = await desk.testing.a_template(desk.db, desk.service_id, "sms", content="((name))((gap))")
    file = {"file": "aGVsbG8="}
    body = {
        "phone_number": "020 7946 0991", "template_id": str(desk.templates["email"]), "sms_sender_id": NOWHERE,
        "personalisation": {"name": file}, "foo": 1,
    }  # fmt: skip

    async def said(**mended: Any) -> str:
        body.update(mended)
        answer = await desk.notify.call("POST", "/v2/notifications/sms", desk.keys["team"], body)
        return str(desk.refusal(answer)[1][0][1])

    assert await said() == "Additional properties are not allowed (foo was unexpected)"
    del body["foo"]
    assert await said() == "email template is not suitable for sms notification"
    assert await said(template_id=str(two)) == "Missing personalisation: gap"
    empty = {"name": "", "gap": "", "other": file}
    assert await said(personalisation=empty) == "Your message is empty."
    assert await said(personalisation={"name": "x" * 919, "gap": "", "o": file}) == "Can only send a file by email"
    assert (await said(personalisation={"name": "x" * 919, "gap": ""})).startswith("sms_sender_id ")
    del body["sms_sender_id"]
    assert await said() == "Can’t send to this recipient using a team-only API key"
    await desk.testing.with_guests(desk.db, desk.crypto, desk.service_id, phones=["020 7946 0991", "07700900123"])
    desk.keys["team"] = await _known_afresh(desk)
    assert await said() == "Not a UK mobile number"
    assert (await said(phone_number="07700900123")).startswith("Your message is too long.")
    assert await desk.rows() == 0


async def _known_afresh(desk: Any) -> dict[str, str]:
    """The settings are at most 1.5 s old: drop them here rather than wait."""
    desk.notify.app.state.context.setups.forget(desk.service_id)
    return dict(desk.keys["team"])


async def test_channel_permission_is_checked_after_the_schema_and_before_the_template(desk: Any) -> None:
    await desk.testing.with_settings(desk.db, desk.service_id, SettingsChange(channels=["sms"]))
    answer = await desk.send("email", template_id="x")
    assert desk.refusal(answer) == (400, [(SCHEMA, "template_id is not a valid UUID")])
    answer = await desk.send("email", template_id=str(uuid4()))
    assert desk.refusal(answer) == (400, [(OTHER, "Service is not allowed to send emails")])
