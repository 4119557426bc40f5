"""The inbox's rules without any I/O."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from common.settings import SettingsError
from deploy.local.inbox import behaviour
from deploy.local.inbox.mail import open_email, read_headers
from deploy.local.inbox.messages import Channel, Kept, is_for, is_like
from deploy.local.inbox.pages import framed
from deploy.local.inbox.settings import read_settings
from deploy.local.inbox.texts import count_parts


def a_message(to: str, channel: Channel = "email") -> Kept:
    return Kept(
        id="01900000-0000-7000-8000-000000000001",
        channel=channel,
        to=to,
        sender="Tax <tax@example.gov>",
        title="Due",
        message=None,
        reference="r",
        outcome="delivered",
        received_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("à" * 160, 1),
        ("à" * 161, 2),
        ("à" * 918, 6),
        ("ŵ" * 70, 1),
        ("ŵ" * 71, 2),
        ("ê" * 71, 2),
        ("^" * 80, 1),
        ("^" * 81, 2),
        ("à" * 70 + "ÿ", 2),
        ("🚀" * 35, 1),
        ("🚀" * 36, 2),
    ],
)
def test_parts_of_a_text_follow_the_alphabet_of_its_characters(text: str, parts: int) -> None:
    assert count_parts(text) == parts


@pytest.mark.parametrize("typed", ["07700900123", "+447700900123", "447700900123", "7700 900123", " 447700900123"])
def test_a_number_is_found_however_it_is_written(typed: str) -> None:
    assert is_for(a_message("447700900123", "sms"), typed)
    assert not is_for(a_message("447700900124", "sms"), typed)


def test_an_address_is_found_in_any_case_and_only_whole() -> None:
    kept = a_message("Ada.Byron+tax@Example.gov")
    assert is_for(kept, "ada.byron+tax@example.GOV")
    assert is_for(kept, "ada.byron tax@example.gov"), "an unescaped plus arrives as a space"
    assert not is_for(kept, "byron+tax@example.gov")
    assert is_like(kept, "byron")


def test_an_empty_or_wordy_search_finds_no_text() -> None:
    kept = a_message("447700900123", "sms")
    assert not is_for(kept, "abc")
    assert not is_like(kept, "abc")
    assert not is_like(kept, "a7@example.gov")
    assert is_like(kept, "0123")


def test_our_id_is_read_from_the_message_id_only_if_it_is_a_uuid() -> None:
    ours = b"Message-ID: <0190A000-0000-7000-8000-00000000000f@notify.example>\r\n\r\nbody"
    assert read_headers(ours).our_id == "0190a000-0000-7000-8000-00000000000f"
    assert read_headers(b"Message-ID: <123@elsewhere.example>\r\n\r\n").our_id is None
    assert read_headers(b"Subject: none\r\n\r\nMessage-ID: <0190a000-0000-7000-8000-00000000000f@x>").our_id is None


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"Subject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n", "Café"),
        (b"Subject: one\r\n two\r\n\r\n", "one two"),
        ("Subject: Žluťoučký\r\n\r\n".encode(), "Žluťoučký"),
        (b"Subject: =?nonsense?q?x?=\r\n\r\n", "=?nonsense?q?x?="),
        (b"Subject: \xff\xfe\r\n\r\n", "\ufffd\ufffd"),
    ],
)
def test_a_subject_is_decoded_and_a_broken_one_shown_as_it_is(raw: bytes, subject: str) -> None:
    assert read_headers(raw).get("subject") == subject


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"Content-Type: text/plain; charset=martian\r\n\r\nhello",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: multipart/alternative\r\n\r\nnothing",
    ],
)
def test_no_e_mail_is_so_broken_that_it_cannot_be_opened(raw: bytes) -> None:
    open_email(raw)


def test_attachments_are_named_and_not_taken_for_the_body() -> None:
    opened = open_email(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nnotes\r\n"
        b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nna\xefve\r\n--b--\r\n"
    )
    assert opened.text == "naïve"
    assert opened.html is None
    assert opened.attachments == ["notes.txt"]


def test_special_local_parts_are_told_apart() -> None:
    assert behaviour.has_no_mailbox("Bounce-17@example.gov")
    assert not behaviour.has_no_mailbox("hard-bounce@example.gov")
    assert not behaviour.has_no_mailbox("ada@bounce.example.gov")
    assert behaviour.is_busy("busy+1@example.gov")
    outcomes = [behaviour.outcome_of_email(f"{local}@example.gov") for local in ("hard-bounce.x", "soft-bounce", "ada")]
    assert outcomes == ["permanent-failure", "temporary-failure", "delivered"]
    texts = [behaviour.outcome_of_text(f"44770090000{last}") for last in (1, 2, 3)]
    assert texts == ["delivered", "permanent-failure", "temporary-failure"]


def test_refusals_are_counted_for_each_message_by_itself() -> None:
    refusals = behaviour.Refusals()
    assert [refusals.put_off("a", 2) for _ in range(4)] == [True, True, False, False]
    assert refusals.put_off("b", 2)


@pytest.mark.parametrize(
    ("html", "start"),
    [
        ("<p>hi", '<base target="_blank"><p>hi'),
        ("<!doctype html><p>hi", '<!doctype html><base target="_blank"><p>hi'),
        ('<!doctype html><html lang="en"><head><title>', '<!doctype html><html lang="en"><head><base target="_blank">'),
        ("<html><header>", '<html><base target="_blank"><header>'),
    ],
)
def test_links_of_an_e_mail_get_a_window_of_their_own_behind_the_doctype(html: str, start: str) -> None:
    assert framed(html).startswith(start)


def test_receipts_with_an_address_but_no_token_do_not_start() -> None:
    with pytest.raises(SettingsError, match="INBOX_RECEIPTS_TOKEN"):
        read_settings({"INBOX_RECEIPTS_URL": "http://127.0.0.1:8001"})
    with pytest.raises(SettingsError, match="INBOX_RECEIPTS_URL"):
        read_settings({"INBOX_RECEIPTS_URL": "ftp://x"})
    assert read_settings({}).inbox_http_port == 8025
