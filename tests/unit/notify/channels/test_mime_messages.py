"""Messages as bytes, read back by the standard library's parser."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.channels.addresses import UnusableAddress, wire_address
from services.notify.channels.mime import Frame, build_email, compile_frame, encode_body
from services.notify.channels.mime_headers import date_header, one_line, subject_header

_ID = UUID("01936f5e-7c00-7000-8000-0123456789ab")
_FRAME = compile_frame(from_name="Permits", from_address="permits@notify.example.gov", domain="notify.example.gov")
_NO_SURROGATES = st.characters(exclude_categories=["Cs"])
_ANY_TEXT = st.text(_NO_SURROGATES, max_size=300)


def _read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _build(frame: Frame = _FRAME, **values: str) -> bytes:
    parts = {"to": "ada@example.gov", "subject": "Your permit", "text": "Hello", "html": "<p>Hello</p>", **values}
    return build_email(
        frame,
        message_id=_ID,
        to=parts["to"],
        subject=parts["subject"],
        text=parts["text"],
        html=parts["html"],
        sent_at_s=1_795_000_000.25,
        unsubscribe_url=parts.get("unsubscribe_url"),
    )


def _body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode()


def _name_of(raw: bytes) -> str:
    """The sender's name by the older decoder: the newer one puts a space between the encoded words of a name."""
    name = str(message_from_bytes(raw, policy=policy.compat32)["From"]).rpartition("<")[0].strip()
    if name.startswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return str(make_header(decode_header(name)))


def _same_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _spaces(text: str) -> str:
    """What a reader sees of a header: runs of white space are one."""
    return " ".join(text.split())


def _is_fit_for_the_wire(raw: bytes) -> None:
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    lines = raw.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line and b"\0" not in line for line in lines)
    assert max(map(len, lines)) <= 998


@settings(deadline=None)  # timing says nothing on a busy machine
@given(subject=_ANY_TEXT, name=st.text(_NO_SURROGATES, max_size=150), text=_ANY_TEXT, html=_ANY_TEXT)
def test_any_words_are_read_back_as_written(subject: str, name: str, text: str, html: str) -> None:
    frame = compile_frame(from_name=name, from_address="permits@notify.example.gov", domain="notify.example.gov")
    raw = _build(frame, subject=subject, text=text, html=html)
    _is_fit_for_the_wire(raw)
    message = _read(raw)
    assert message.defects == []
    assert _spaces(message["Subject"]) == _spaces(one_line(subject))
    [sender] = message["From"].addresses
    assert sender.addr_spec == "permits@notify.example.gov"
    assert _spaces(_name_of(raw)) == _spaces(one_line(name))
    for written, subtype in ((text, "plain"), (html, "html")):
        assert _same_lines(_body(message, subtype)).removesuffix("\n") == _same_lines(written).removesuffix("\n")
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@settings(deadline=None)
@given(subject=st.text(st.sampled_from('abc \r\n\t:=?"<>é\x00\u2028'), max_size=200))
def test_subject_never_makes_a_second_header(subject: str) -> None:
    raw = _build(subject=subject + "\r\nBcc: eve@example.com\n\nX: y")
    message = _read(raw)
    assert message["Bcc"] is None
    assert message["X"] is None
    assert message["To"] == "ada@example.gov"
    assert all(len(line) <= 78 for line in raw.split(b"\r\nDate:")[0].split(b"Subject:")[1].split(b"\r\n")[1:])


@pytest.mark.parametrize(
    "address",
    ["a@b.gov\r\nBcc: c@d.gov", "a@b.gov, c@d.gov", "a b@c.gov", '"a"@b.gov', "a@b@c.gov", "a@", "@b", "", "a@b\0.gov"],
)
def test_addresses_that_could_say_more_are_refused(address: str) -> None:
    with pytest.raises(UnusableAddress) as refused:
        _build(to=address)
    assert "gov" not in str(refused.value)
    with pytest.raises(UnusableAddress):
        compile_frame(from_name="x", from_address="a@b.gov", reply_to=address or "nobody", domain="b.gov")


@pytest.mark.parametrize(
    "url", ["https://a.gov/\r\nBcc: b@c.gov", "https://a.gov/>x", "javascript:1", "https://a b", "x" * 999]
)
def test_unsubscribe_addresses_that_could_say_more_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        _build(unsubscribe_url=url)


@pytest.mark.parametrize("language", ["en\r\nX: y", "", "cy-GB"])
def test_language_is_a_tag_or_absent(language: str) -> None:
    def make() -> Frame:
        return compile_frame(from_name="x", from_address="a@b.gov", domain="b.gov", language=language)

    if "\r" in language:
        with pytest.raises(ValueError, match="language"):
            make()
    else:
        assert _read(_build(make()))["Content-Language"] == (language or None)


def test_all_headers_of_a_message() -> None:
    frame = compile_frame(
        from_name='The "Permits" \\ office', from_address="permits@notify.example.gov", domain="notify.example.gov",
        reply_to="help@example.gov", language="en",
    )  # fmt: skip
    message = _read(_build(frame, unsubscribe_url="https://notify.example.gov/unsubscribe/1?t=é"))
    found = {name: str(value) for name, value in message.items() if name != "Content-Type"}
    assert found == {
        "From": '"The \\"Permits\\" \\\\ office" <permits@notify.example.gov>',
        "Reply-To": "help@example.gov",
        "MIME-Version": "1.0",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "To": "ada@example.gov",
        "Subject": "Your permit",
        "Date": "Wed, 18 Nov 2026 11:06:40 +0000",
        "Message-ID": f"<{_ID}@notify.example.gov>",
        "List-Unsubscribe": "<https://notify.example.gov/unsubscribe/1?t=%C3%A9>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert message.get_content_type() == "multipart/alternative"


def test_same_message_gives_the_same_bytes_again() -> None:
    assert _build(text="à") == _build(text="à")


def test_plain_ascii_stays_readable_and_the_rest_is_base64() -> None:
    assert encode_body("Hello\nyou") == b"Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\nyou\r\n"
    assert encode_body("Zoë") == b"Content-Transfer-Encoding: base64\r\n\r\nWm/Dqw==\r\n"
    assert b"base64" in encode_body("x" * 999)
    assert b"7bit" in encode_body("x" * 998)


@pytest.mark.parametrize("length", [0, 1, 56, 57, 58, 57 * 16, 57 * 16 + 1, 57 * 33, 20_000])
def test_base64_of_every_length_is_in_lines_of_76(length: int) -> None:
    text = "é" + "x" * length
    raw = _build(html=text)
    _is_fit_for_the_wire(raw)
    assert _body(_read(raw), "html") == text
    assert b"\r\n\r\n--" not in raw.split(b"base64\r\n\r\n", 1)[1]


def test_no_value_can_forge_a_part() -> None:
    forged = f"--=_{UUID(int=0)}\r\nContent-Type: text/html\r\n\r\n<b>forged</b>"
    message = _read(_build(text=forged))
    assert len(list(message.iter_parts())) == 2
    assert f"=_{_ID}" in message["Content-Type"]


def test_long_ascii_subject_is_folded_not_encoded() -> None:
    subject = "Your application for a permit to work in the harbour of the capital city has been received"
    header = subject_header(subject)
    assert "=?" not in header
    assert all(len(line) <= 78 for line in header.split("\r\n"))
    assert _read(f"{header}\r\n\r\n".encode())["Subject"] == subject


@pytest.mark.parametrize("subject", ["=?utf-8?B?SGk=?=", "double  space " * 9 + ".", "x" * 400, "é" * 300, "😀" * 80])
def test_subjects_that_folding_would_change_are_encoded(subject: str) -> None:
    header = subject_header(subject)
    lines = header.split("\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert all(re.fullmatch(r"(Subject:)? =\?utf-8\?B\?[A-Za-z0-9+/=]+\?=", line) for line in lines)
    assert _read(f"{header}\r\n\r\n".encode())["Subject"] == subject


def test_domain_goes_out_in_ascii_and_local_part_stays() -> None:
    assert wire_address("zoë@bücher.example") == "zoë@xn--bcher-kva.example"
    assert wire_address("a.b+c@example.gov") == "a.b+c@example.gov"
    with pytest.raises(UnusableAddress):
        wire_address("a@☃.example\u3002" + "x" * 70)
    raw = _build(to="zoë@example.gov")
    assert "To: zoë@example.gov\r\n".encode() in raw  # RFC 6532: only for relays with SMTPUTF8


def test_date_is_utc_in_the_form_of_rfc_5322() -> None:
    assert date_header(0) == "Date: Thu, 01 Jan 1970 00:00:00 +0000"
