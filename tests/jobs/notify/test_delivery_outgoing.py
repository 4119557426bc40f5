"""What leaves the house: an e-mail's headers and parts, a text's prefix and sender."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from common import clock
from services.notify.channels.protocol import Accepted
from services.notify.configuration.rules import SettingsChange


async def test_email_leaves_with_its_headers_and_both_parts(post: Any) -> None:
    message_id = await post.a_message("email", sender="help@permits.example.gov")
    assert await post.deliverer().deliver("email-normal") == 1
    [outgoing] = post.email.gone
    assert (outgoing.id, outgoing.to) == (message_id, "ada@example.gov")
    assert outgoing.envelope_from == "parking.permits@notify.localhost"
    mail = post.parsed(outgoing)
    assert mail["From"] == "Parking permits <parking.permits@notify.localhost>"
    assert mail["To"] == "ada@example.gov"
    assert mail["Reply-To"] == "help@permits.example.gov"
    assert mail["Subject"] == "About Ada"
    assert mail["Message-ID"] == f"<{message_id}@notify.localhost>"
    assert mail["Date"] is not None
    assert mail["List-Unsubscribe"] is None
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "Ready\r\n" + "=" * 65 in plain.get_content()
    assert "Dear Ada, see https://permits.example.gov" in plain.get_content()
    page = html.get_content()
    assert 'href="https://permits.example.gov"' in page
    assert "Borough of Ham" in page
    assert "#00703c" in page.lower()


async def test_unsubscribe_headers_point_to_the_callers_link_or_to_ours(post: Any) -> None:
    own = await post.testing.a_template(post.db, post.service_id, "email", has_unsubscribe_link=True)
    theirs = await post.a_message("email", unsubscribe_url="https://permits.example.gov/stop?id=1")
    ours = await post.a_message("email", template=own)
    both = await post.a_message("email", template=own, unsubscribe_url="https://permits.example.gov/stop?id=2")
    await post.deliverer().deliver("email-normal")
    mails = {outgoing.id: post.parsed(outgoing) for outgoing in post.email.gone}
    assert mails[theirs]["List-Unsubscribe"] == "<https://permits.example.gov/stop?id=1>"
    assert mails[ours]["List-Unsubscribe"].startswith(f"<https://notify.test/unsubscribe/{ours}/")
    assert mails[both]["List-Unsubscribe"] == "<https://permits.example.gov/stop?id=2>"
    for mail in mails.values():
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mails[ours]["List-Unsubscribe"].strip("<>")
    for part in mails[ours].iter_parts():
        assert link in part.get_content()


async def test_sender_name_and_local_part_of_the_settings_are_used(post: Any) -> None:
    change = SettingsChange(email_sender_name="Züge & Co", email_local_part="permits")
    await post.testing.with_settings(post.db, post.service_id, change)
    await post.a_message("email")
    await post.deliverer().deliver("email-normal")
    mail = post.parsed(post.email.gone[0])
    address = mail["From"].addresses[0]
    assert (address.display_name, address.addr_spec) == ("Züge & Co", "permits@notify.localhost")


async def test_text_leaves_with_prefix_and_sender(post: Any) -> None:
    message_id = await post.a_message("sms")
    await post.deliverer().deliver("sms-normal")
    [outgoing] = post.text.gone
    assert (outgoing.id, outgoing.to, outgoing.sender) == (message_id, "447700900123", "PERMITS")
    assert outgoing.text == "Parking permits: Hello Ada"


async def test_prefix_can_be_off_and_a_text_without_a_sender_has_the_default(post: Any) -> None:
    await post.testing.with_settings(post.db, post.service_id, SettingsChange(sms_prefix=False))
    await post.a_message("sms", sender=None)
    await post.deliverer().deliver("sms-normal")
    assert (post.text.gone[0].text, post.text.gone[0].sender) == ("Hello Ada", "COLONNADE")


async def test_fragments_billed_include_the_prefix(post: Any) -> None:
    just_one = "x" * (160 - len("Parking permits: Hello "))
    ids = [await post.a_message("sms", personalisation={"name": name}) for name in (just_one, just_one + "x")]
    await post.deliverer().deliver("sms-normal")
    assert [(await post.row(i))["billable_units"] for i in ids] == [1, 2]


async def test_pinned_version_is_what_leaves(post: Any) -> None:
    await post.a_message("sms")
    await post.testing.a_new_version(post.db, post.service_id, post.templates["sms"], "Changed ((name))")
    await post.deliverer().deliver("sms-normal")
    assert post.text.gone[0].text == "Parking permits: Hello Ada"


async def test_status_after_acceptance_tells_whether_the_channel_reports(post: Any) -> None:
    reported = await post.a_message("sms")
    post.email.reports_receipts = False
    post.email.say = lambda _: Accepted(None)
    unreported = await post.a_message("email")
    deliverer = post.deliverer()
    await deliverer.deliver("sms-normal")
    await deliverer.deliver("email-normal")
    text, mail = await post.row(reported), await post.row(unreported)
    assert (text["status"], text["provider"], text["provider_reference"]) == ("sending", "scripted", f"ref-{reported}")
    assert (mail["status"], mail["provider_reference"]) == ("delivered", None)
    for row in (text, mail):
        assert row["sent_at"] is not None
        assert await post.waiting(row["id"]) is None


async def test_text_abroad_is_sent_and_waits_for_no_receipt(post: Any) -> None:
    numbers = ("+33 6 12 34 56 78", "+354 611 1234", "+1 212 555 0123", "07797 700 123", "07700 900 123")
    ids = [await post.a_message("sms", to=number) for number in numbers]
    await post.deliverer().deliver("sms-normal")
    assert [await post.status(i) for i in ids] == ["sent", "sent", "sent", "sent", "sending"]


async def test_scheduled_message_is_left_until_it_is_due(post: Any) -> None:
    message_id = await post.a_message("sms", scheduled_for=clock.now() + timedelta(hours=2))
    deliverer = post.deliverer()
    assert await deliverer.deliver("sms-normal") == 0
    assert await post.status(message_id) == "created"
    with clock.shifted(timedelta(hours=2, seconds=1)):
        assert await deliverer.deliver("sms-normal") == 1
    assert await post.status(message_id) == "sending"


async def test_cancelled_message_does_not_leave(post: Any) -> None:
    message_id = await post.a_message("sms")
    await post.put("update notify.messages set status = 'cancelled' where id = $1", message_id)
    assert await post.deliverer().deliver("sms-normal") == 1
    assert post.text.gone == []
    assert (await post.status(message_id), await post.waiting(message_id)) == ("cancelled", None)


async def test_batch_larger_than_a_chunk_leaves_whole(post: Any) -> None:
    post.text.chunk = 3
    ids = [await post.a_message("sms") for _ in range(8)]
    assert await post.deliverer().deliver("sms-normal") == 8
    assert [message.id for message in post.text.gone] == ids
    assert {await post.status(i) for i in ids} == {"sending"}
