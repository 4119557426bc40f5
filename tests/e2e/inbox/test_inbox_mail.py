"""E-mail into the inbox by real SMTP."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from typing import Any
from uuid import uuid4

import aiosmtplib
import pytest


def test_an_email_is_listed_with_its_parts(inbox: Any) -> None:
    message = inbox.send("Ada@example.gov", subject="Café due")
    (found,) = inbox.messages(to="ada@EXAMPLE.gov")
    assert list(found) == ["id", "channel", "to", "from", "subject", "text", "html", "raw", "received_at"]
    assert (found["channel"], found["to"], found["subject"]) == ("email", "Ada@example.gov", "Café due")
    assert found["from"] == "Vehicle Tax <tax@notify.example.gov>"
    assert found["text"] == "Dear Ada\n\nYour tax is due.\n"
    assert "<h2>Your tax is due.</h2>" in found["html"]
    assert f"Message-ID: <{message}@notify.example.gov>\r\n" in found["raw"]
    assert found["received_at"].endswith("Z")
    assert inbox.http.get(f"/api/messages/{found['id']}").json() == found


def test_each_recipient_gets_a_message_of_their_own(inbox: Any, suite: Any) -> None:
    with inbox.smtp() as server:
        server.send_message(suite.an_email("x", str(uuid4())), to_addrs=["two-a@example.gov", "two-b@example.gov"])
    assert len(inbox.messages(to="two-a@example.gov")) == len(inbox.messages(to="two-b@example.gov")) == 1


def test_the_same_email_twice_is_shown_twice(inbox: Any) -> None:
    message = inbox.send("twice@example.gov")
    inbox.send("twice@example.gov", message)
    assert len(inbox.messages(to="twice@example.gov")) == 2


def test_bounce_is_refused_at_rcpt(inbox: Any, suite: Any) -> None:
    with inbox.smtp() as server:
        server.ehlo()
        server.mail("tax@example.gov")
        code, words = server.rcpt("bounce-7@example.gov")
        assert (code, words[:5]) == (550, b"5.1.1")
        assert server.rcpt("fine@example.gov")[0] == 250
    assert inbox.messages(to="bounce-7@example.gov") == []


def test_busy_is_put_off_twice_for_a_message_then_accepted(inbox: Any) -> None:
    message = str(uuid4())
    for _ in range(2):
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            inbox.send("busy@example.gov", message)
        assert refusal.value.smtp_code == 451
    assert inbox.messages(to="busy@example.gov") == []
    inbox.send("busy@example.gov", message)
    assert len(inbox.messages(to="busy@example.gov")) == 1
    with pytest.raises(smtplib.SMTPDataError):
        inbox.send("busy@example.gov")


@pytest.mark.parametrize(
    ("local", "status"),
    [("arrives", "delivered"), ("soft-bounce", "temporary-failure"), ("hard-bounce-1", "permanent-failure")],
)
def test_the_receipt_of_an_email_says_what_became_of_it(
    inbox: Any, notify: Any, suite: Any, local: str, status: str
) -> None:
    message = inbox.send(f"{local}@receipts.example.gov")
    (receipt,) = suite.eventually(lambda: notify.of(message))
    assert sorted(receipt) == ["at", "id", "provider_reference", "status"]
    assert receipt["status"] == status
    assert receipt["provider_reference"]
    assert ("/v1/receipts/email", f"Bearer {suite.TOKEN}") in notify.calls


def test_the_reference_in_the_answer_is_that_of_the_receipt(inbox: Any, notify: Any, suite: Any) -> None:
    message = str(uuid4())
    with inbox.smtp() as server:
        server.ehlo()
        server.mail("tax@example.gov")
        server.rcpt("reference@example.gov")
        code, words = server.data(suite.an_email("reference@example.gov", message).as_bytes())
    assert code == 250
    (receipt,) = suite.eventually(lambda: notify.of(message))
    assert words.decode().endswith(f"queued as {receipt['provider_reference']}")


def test_an_email_from_elsewhere_has_no_receipt(inbox: Any, notify: Any, suite: Any) -> None:
    with inbox.smtp() as server:
        email = suite.an_email("elsewhere@example.gov", "not-a-uuid")
        server.send_message(email)
    later = inbox.send("later@example.gov")
    suite.eventually(lambda: notify.of(later))
    assert not any(receipt["id"].startswith("not-a-uuid") for receipt in notify.taken)
    assert len(inbox.messages(to="elsewhere@example.gov")) == 1


def test_dots_and_eight_bits_arrive_as_they_were_sent(inbox: Any) -> None:
    raw = "Subject: Tŷ\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n.\r\n..two\r\nŵ\r\n"
    with inbox.smtp() as server:
        server.sendmail("a@example.gov", ["dots@example.gov"], raw.encode(), mail_options=["BODY=8BITMIME", "SMTPUTF8"])
    (found,) = inbox.messages(to="dots@example.gov")
    assert (found["raw"], found["subject"], found["text"]) == (raw, "Tŷ", ".\n..two\nŵ\n")


def test_more_than_ten_megabytes_is_refused(inbox: Any) -> None:
    with inbox.smtp() as server:
        server.ehlo()
        assert server.esmtp_features["size"] == "10485760"
        assert server.mail("a@example.gov", ["SIZE=10485761"])[0] == 552
        server.rset()
        server.mail("a@example.gov")
        server.rcpt("large@example.gov")
        assert server.data(b"Subject: x\r\n\r\n" + (b"y" * 76 + b"\r\n") * 140_000)[0] == 552
    assert inbox.messages(to="large@example.gov") == []


def test_commands_sent_in_one_go_are_answered_in_order(inbox: Any) -> None:
    lines = "EHLO t|MAIL FROM:<a@example.gov>|RCPT TO:<bounce@example.gov>|RCPT TO:<go@example.gov>|DATA|"
    lines += "Subject: x||b|.|QUIT|"
    with socket.create_connection((inbox.smtp_host, inbox.smtp_port), timeout=10) as connection:
        connection.sendall(lines.replace("|", "\r\n").encode())
        answers = b"".join(iter(lambda: connection.recv(4096), b"")).decode().splitlines()
    codes = [line[:3] for line in answers if line[3] == " "]
    assert codes == ["220", "250", "250", "550", "250", "354", "250", "221"]


async def test_many_connections_at_once_lose_nothing(inbox: Any, suite: Any) -> None:
    async def send_some() -> None:
        async with aiosmtplib.SMTP(hostname=inbox.smtp_host, port=inbox.smtp_port) as client:
            for _ in range(10):
                await client.send_message(suite.an_email("many@example.gov", str(uuid4())))

    await asyncio.gather(*(send_some() for _ in range(10)))
    assert len(inbox.messages(to="many@example.gov", limit=200)) == 100
    assert len(inbox.messages(to="many@example.gov")) == 50
