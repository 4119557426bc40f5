"""The official Python client, unchanged, against Notify as it runs: it sends, reads, lists, previews and pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from notifications_python_client import prepare_upload
from notifications_python_client.errors import HTTPError

FILLED = {"name": "Ada", "what": ["a badge", "a map"]}


def _someone() -> str:
    return f"ada.{uuid4().hex[:12]}@example.gov"


def _refused(call: Any, *arguments: Any, **named: Any) -> tuple[int, list[dict[str, str]]]:
    with pytest.raises(HTTPError) as caught:
        call(*arguments, **named)
    return caught.value.status_code, caught.value.message


def test_email_is_sent_read_and_arrives(running: Any) -> None:
    client, to = running.client(), _someone()
    accepted = client.send_email_notification(
        to,
        running.templates["email"],
        personalisation={"name": "[Ada](https://evil.link)", "what": FILLED["what"]},
        reference="first-email",
        email_reply_to_id=running.senders["reply_to"],
        one_click_unsubscribe_url="https://permits.example.gov/stop",
        sanitise_content_for=["name"],
    )
    assert accepted["content"]["subject"] == r"About \[Ada\]\(\)"
    assert set(accepted["sanitised_content"]) == {"name"}
    shown = running.status(accepted["id"], "delivered")
    assert (shown["reference"], shown["email_address"], shown["type"]) == ("first-email", to, "email")
    assert (shown["sent_at"] is not None, shown["completed_at"] is not None) == (True, True)
    [mail] = running.arrived(to, "email")
    assert "evil.link" not in mail["html"]
    assert "<li" in mail["html"]
    assert "• a badge" in mail["text"]
    for header in (
        f"Message-ID: <{accepted['id']}@notify.localhost>",
        "Reply-To: help@permits.example.gov",
        "List-Unsubscribe: <https://permits.example.gov/stop>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ):
        assert header in mail["raw"].replace("\r\n ", " ")


def test_text_is_sent_read_and_arrives_with_prefix_and_sender(running: Any) -> None:
    client, number = running.client(), "07700 900 701"
    accepted = client.send_sms_notification(
        number, running.templates["sms"], personalisation=FILLED, reference="first-text",
        sms_sender_id=running.senders["sms"],
    )  # fmt: skip
    assert accepted["content"] == {"body": "Hello Ada, a badge and a map", "from_number": "PERMITS"}
    shown = running.status(accepted["id"], "delivered")
    assert (shown["phone_number"], shown["body"]) == (number, "Hello Ada, a badge and a map")
    assert shown["cost_details"] == {
        "billable_sms_fragments": 1, "international_rate_multiplier": 1, "sms_rate": 0.02
    }  # fmt: skip
    assert shown["cost_in_pounds"] == 0.02
    [text] = running.arrived("447700900701", "sms")
    assert (text["text"], text["from"]) == ("Parking permits: Hello Ada, a badge and a map", "PERMITS")


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("bounce@example.gov", "permanent-failure"),
        ("hard-bounce@example.gov", "permanent-failure"),
        ("soft-bounce@example.gov", "temporary-failure"),
        ("07700900002", "permanent-failure"),
        ("07700900003", "temporary-failure"),
        ("07700900404", "permanent-failure"),
    ],
)
def test_misfortunes_of_the_outside_world_come_back_as_statuses(running: Any, to: str, status: str) -> None:
    client = running.client()
    if "@" in to:
        accepted = client.send_email_notification(to, running.templates["email"], personalisation=FILLED)
    else:
        accepted = client.send_sms_notification(to, running.templates["sms"], personalisation=FILLED)
    running.status(accepted["id"], status)


def test_test_key_comes_to_simulated_ends_and_nothing_arrives(running: Any) -> None:
    client = running.client("test")
    ends = {"temp-fail@simulator.notify": "temporary-failure", "perm-fail@simulator.notify": "permanent-failure"}
    for to, status in {**ends, _someone(): "delivered"}.items():
        accepted = client.send_email_notification(to, running.templates["email"], personalisation=FILLED)
        running.status(accepted["id"], status, "test")
        assert running.inbox.get("/api/messages", params={"to": to}).json() == []


def test_one_click_of_our_own_unsubscribe_link_works(running: Any) -> None:
    to = _someone()
    running.client().send_email_notification(to, running.templates["email"], personalisation=FILLED)
    [mail] = running.arrived(to, "email")
    header = next(
        line for line in mail["raw"].replace("\r\n ", "").splitlines() if line.startswith("List-Unsubscribe:")
    )
    link = header.split("<")[1].split(">")[0].replace(" ", "")
    answer = httpx.post(
        link.replace("https://notify.test", running.url), data={"List-Unsubscribe": "One-Click"}, trust_env=False
    )
    assert (answer.status_code, answer.json()) == (
        200,
        {"result": "success", "message": "Unsubscribe successful"},
    )


def test_iterator_walks_every_page_once(running: Any) -> None:
    reference = f"pages-{uuid4()}"
    made = running.many_messages(601, reference)
    found = list(running.client().get_all_notifications_iterator(reference=reference))
    assert [message["id"] for message in found] == made[::-1]


def test_iterator_walks_filtered_pages_and_stops(running: Any) -> None:
    reference = f"filtered-{uuid4()}"
    made = running.many_messages(260, reference)
    client = running.client()
    found = client.get_all_notifications_iterator(status="delivered", template_type="email", reference=reference)
    assert [message["id"] for message in found] == made[::-1]
    assert list(client.get_all_notifications_iterator(status="pending", reference=reference)) == []
    assert len(list(client.get_all_notifications_iterator(reference=reference, older_than=made[5]))) == 5


def test_list_takes_every_filter_of_the_client(running: Any) -> None:
    client, reference = running.client(), f"list-{uuid4()}"
    text = client.send_sms_notification(
        "07700900702", running.templates["sms"], personalisation=FILLED, reference=reference
    )
    mail = client.send_email_notification(
        _someone(), running.templates["email"], personalisation=FILLED, reference=reference
    )
    for message in (text, mail):
        running.status(message["id"], "delivered")

    def listed(**filters: Any) -> list[str]:
        page = client.get_all_notifications(reference=reference, **filters)
        assert page["links"]["current"].startswith("https://notify.test/v2/notifications?")
        return [message["id"] for message in page["notifications"]]

    assert listed() == [mail["id"], text["id"]]
    assert listed(template_type="sms") == [text["id"]]
    assert listed(status="delivered", include_jobs=True) == [mail["id"], text["id"]]
    assert listed(status="failed") == []
    assert listed(older_than=mail["id"]) == [text["id"]]
    test_listed = running.client("test").get_all_notifications(reference=reference)
    assert test_listed["notifications"] == []


def test_templates_are_read_in_every_way_the_client_knows(running: Any) -> None:
    client, template_id = running.client(), running.templates["email"]
    template = client.get_template(template_id)
    assert (template["type"], template["name"], template["version"]) == ("email", "Permit", 1)
    assert template["personalisation"] == {"name": {"required": True}, "what": {"required": True}}
    assert client.get_template_version(template_id, 1) == template
    every = [found["id"] for found in client.get_all_templates()["templates"]]
    assert set(running.templates.values()) <= set(every)
    texts = client.get_all_templates(template_type="sms")["templates"]
    assert {found["type"] for found in texts} == {"sms"}
    preview = client.post_template_preview(template_id, FILLED)
    assert preview["subject"] == "About Ada"
    assert "<h2" in preview["html"]
    assert preview["body"].startswith("# Ready\n\nDear Ada,")


def test_wrong_keys_are_told_why(running: Any) -> None:
    team = running.team
    wrong = running.client_with(f"x-{team.service_id}-{uuid4()}")
    stranger = running.client_with(f"x-{uuid4()}-{uuid4()}")
    for client, text in ((wrong, "API key not found"), (stranger, "service not found")):
        refused = _refused(client.get_all_templates)
        assert refused == (403, [{"error": "AuthError", "message": f"Invalid token: {text}"}])


def test_errors_reach_the_caller_with_class_and_text(running: Any) -> None:
    client, sms, email = running.client(), running.templates["sms"], running.templates["email"]
    nowhere = str(uuid4())
    cases = [
        ((client.send_sms_notification, "07700900703", nowhere), 400, "BadRequestError", "Template not found"),
        (
            (client.send_sms_notification, "07700900703", sms), 400, "BadRequestError",
            "Missing personalisation: name, what",
        ),
        (
            (client.send_email_notification, "ada", email, FILLED), 400, "ValidationError",
            "email_address Not a valid email address",
        ),
        (
            (client.send_sms_notification, "07700900703", email, FILLED), 400, "BadRequestError",
            "email template is not suitable for sms notification",
        ),
        ((client.get_notification_by_id, nowhere), 404, "NoResultFound", "No result found"),
        ((client.get_notification_by_id, "x"), 400, "ValidationError", "notification_id is not a valid UUID"),
        ((client.get_template, nowhere), 404, "NoResultFound", "No result found"),
        ((client.get_template_version, sms, 9), 404, "NoResultFound", "No result found"),
        ((client.post_template_preview, sms, {}), 400, "BadRequestError", "Missing personalisation: name, what"),
        (
            (running.client("team").send_sms_notification, "07700900703", sms, FILLED), 400, "BadRequestError",
            "Can’t send to this recipient using a team-only API key",
        ),
    ]  # fmt: skip
    for call, status, error, text in cases:
        assert _refused(*call) == (status, [{"error": error, "message": text}])


def test_upload_of_the_client_is_understood(running: Any, tmp_path: Any) -> None:
    """Its nulls pass the schema; sending files comes with its own setting."""
    document = tmp_path / "permit.csv"
    document.write_text("a,b\n")
    with document.open("rb") as file:
        upload = prepare_upload(file)
    status, [error] = _refused(
        running.client().send_email_notification, _someone(), running.templates["email"], {"name": upload, "what": "x"}
    )
    assert status == 400
    assert error["message"].startswith("Send files by email has not been set up - add contact details")


def test_messages_of_another_service_are_not_there(running: Any) -> None:
    accepted = running.client().send_email_notification(_someone(), running.templates["email"], personalisation=FILLED)
    stranger = running.client_with(running.another_team().live)
    assert _refused(stranger.get_notification_by_id, accepted["id"])[0] == 404
    assert UUID(accepted["id"]) not in {
        UUID(message["id"]) for message in stranger.get_all_notifications()["notifications"]
    }


def test_service_that_does_not_answer_is_a_503_to_the_client(running: Any) -> None:
    nobody = running.client_with(running.team.live, url="http://127.0.0.1:9", timeout=5)
    assert _refused(nobody.get_all_templates) == (503, "Request failed")
