"""The e-mail channel against a real SMTP server (aiosmtpd), with encryption and authentication."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from common.errors import PermanentProviderError, TransientProviderError
from common.ids import uuid7
from common.settings import SettingsError
from services.notify.channels.mime import build_email, compile_frame
from services.notify.channels.opening import open_email_channel
from services.notify.channels.protocol import Accepted, OutgoingEmail
from services.notify.channels.settings import ChannelSettings

# aiosmtpd's own advice, for the relays that here ask for a password without STARTTLS
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

_FRAME = compile_frame(from_name="Permits", from_address="permits@notify.example.gov", domain="notify.example.gov")


class _Postbox:
    """Takes mail, and refuses some by the recipient's name."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.connections: set[Any] = set()
        self.was_encrypted: list[bool] = []

    async def handle_RCPT(self, _server: SMTP, session: Session, envelope: Envelope, to: str, _options: Any) -> str:
        self.connections.add(session.peer)
        if to.startswith("nobody"):
            return f"550 5.1.1 {to} unknown"
        if to.startswith("busy"):
            return f"451 4.2.1 {to} busy"
        envelope.rcpt_tos.append(to)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if envelope.rcpt_tos[0].startswith("slow"):
            await asyncio.sleep(60)
        self.taken.append(envelope)
        self.was_encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 2.0.0 taken"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    # handled=False: aiosmtpd itself is to say 535
    return AuthResult(success=data.login == b"colonnade" and data.password == b"correct horse", handled=False)


@asynccontextmanager
async def _relay(
    box: _Postbox, *, certificate: Any = None, implicit: bool = False, **options: Any
) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    servers: list[SMTP] = []

    def make() -> SMTP:
        tls = certificate.server if certificate is not None and not implicit else None
        servers.append(SMTP(box, hostname="relay.test", enable_SMTPUTF8=True, tls_context=tls, loop=loop, **options))
        return servers[-1]

    server = await loop.create_server(
        make, "127.0.0.1", 0, ssl=certificate.server if certificate is not None and implicit else None
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in servers:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)


def _email(to: str = "ada@example.gov", *, subject: str = "Your permit") -> OutgoingEmail:
    message_id = uuid7()
    data = build_email(_FRAME, message_id=message_id, to=to, subject=subject, text="Hello\n.\nÀ", html="<p>Hello</p>")
    return OutgoingEmail(message_id, to, "bounces@notify.example.gov", data)


def _settings(port: int, **values: Any) -> ChannelSettings:
    defaults: dict[str, Any] = {"smtp_tls": "none", "smtp_ehlo_name": "notify.test", "smtp_timeout_s": 30.0}
    return ChannelSettings(smtp_host="localhost", smtp_port=port, **{**defaults, **values})


async def test_messages_arrive_whole_over_kept_connections() -> None:
    box = _Postbox()
    async with _relay(box) as port:
        channel = open_email_channel(_settings(port, smtp_connections=2))
        messages = [_email(f"person{number}@example.gov") for number in range(20)]
        for _ in range(2):
            assert await channel.send_many(messages) == [Accepted(None)] * 20
        await channel.close()
    assert len(box.connections) == 2
    assert len(box.taken) == 40
    by_recipient = {envelope.rcpt_tos[0]: envelope for envelope in box.taken}
    for message in messages:
        envelope = by_recipient[message.to]
        assert envelope.mail_from == "bounces@notify.example.gov"
        assert envelope.content == message.data
        assert message_from_bytes(message.data, policy=policy.default)["Message-ID"].startswith(f"<{message.id}@")


@pytest.mark.parametrize("implicit", [False, True])
async def test_encrypted_and_authenticated(certificate: Any, implicit: bool) -> None:
    box = _Postbox()
    options: dict[str, Any] = {"authenticator": _authenticate, "auth_required": True}
    if not implicit:
        options["require_starttls"] = True
    else:
        options["auth_require_tls"] = False  # aiosmtpd only counts STARTTLS as encryption
    async with _relay(box, certificate=certificate, implicit=implicit, **options) as port:
        channel = open_email_channel(
            _settings(
                port,
                smtp_tls="tls" if implicit else "starttls",
                smtp_ca_file=str(certificate.ca_file),
                smtp_username="colonnade",
                smtp_password="correct horse",
            )
        )
        assert await channel.send_many([_email(), _email()]) == [Accepted(None)] * 2
        await channel.close()
    assert box.was_encrypted == [True, True]


async def test_starttls_without_authentication(certificate: Any) -> None:
    box = _Postbox()
    async with _relay(box, certificate=certificate, require_starttls=True) as port:
        channel = open_email_channel(_settings(port, smtp_tls="starttls", smtp_ca_file=str(certificate.ca_file)))
        assert await channel.send_many([_email()]) == [Accepted(None)]
        await channel.close()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_unknown_certificate_is_not_trusted(certificate: Any, tls: str) -> None:
    box = _Postbox()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # the server's side of a handshake that we break off
    async with _relay(box, certificate=certificate, implicit=tls == "tls") as port:
        channel = open_email_channel(_settings(port, smtp_tls=tls))
        [outcome] = await channel.send_many([_email()])
        await channel.close()
    assert isinstance(outcome, TransientProviderError)
    assert outcome.provider_down
    assert outcome.reason == "TLS failed: CERTIFICATE_VERIFY_FAILED"
    assert box.taken == []


async def test_no_downgrade_where_the_relay_offers_no_starttls(certificate: Any) -> None:
    box = _Postbox()
    async with _relay(box) as port:
        channel = open_email_channel(_settings(port, smtp_tls="starttls", smtp_ca_file=str(certificate.ca_file)))
        [outcome] = await channel.send_many([_email()])
        await channel.close()
    assert isinstance(outcome, TransientProviderError)
    assert outcome.provider_down
    assert box.taken == []


async def test_wrong_password_is_the_providers_fault_and_says_no_names() -> None:
    box = _Postbox()
    async with _relay(box, authenticator=_authenticate, auth_required=True, auth_require_tls=False) as port:
        channel = open_email_channel(_settings(port, smtp_username="colonnade", smtp_password="wrong"))
        outcomes = await channel.send_many([_email(), _email()])
        await channel.close()
    for outcome in outcomes:
        assert isinstance(outcome, TransientProviderError)
        assert outcome.provider_down
        assert outcome.reason == "535 5.7.8"
    assert box.taken == []


async def test_missing_authentication_loses_no_message() -> None:
    box = _Postbox()
    async with _relay(box, authenticator=_authenticate, auth_required=True, auth_require_tls=False) as port:
        channel = open_email_channel(_settings(port))
        [outcome] = await channel.send_many([_email()])
        await channel.close()
    assert isinstance(outcome, TransientProviderError)
    assert outcome.provider_down


async def test_each_recipient_gets_its_own_outcome_in_order() -> None:
    box = _Postbox()
    people = ["ada@example.gov", "nobody@example.gov", "busy@example.gov", "bob@example.gov"] * 5
    async with _relay(box) as port:
        channel = open_email_channel(_settings(port, smtp_connections=3))
        outcomes = await channel.send_many([_email(person) for person in people])
        await channel.close()
    for person, outcome in zip(people, outcomes, strict=True):
        if person.startswith("nobody"):
            assert isinstance(outcome, PermanentProviderError)
            assert (outcome.recipient_fault, outcome.reason) == (True, "550 5.1.1")
        elif person.startswith("busy"):
            assert isinstance(outcome, TransientProviderError)
            assert (outcome.provider_down, outcome.sent_unknown, outcome.reason) == (False, False, "451 4.2.1")
        else:
            assert outcome == Accepted(None)
    assert len(box.taken) == 10


async def test_slow_relay_leaves_the_outcome_unknown() -> None:
    box = _Postbox()
    async with _relay(box) as port:
        channel = open_email_channel(_settings(port, smtp_final_timeout_s=1.0))
        [slow] = await channel.send_many([_email("slow@example.gov")])
        await channel.close()
    assert isinstance(slow, TransientProviderError)
    assert slow.sent_unknown


@pytest.mark.parametrize("offered", [True, False])
async def test_letters_outside_ascii_before_the_at_need_smtputf8(tools: Any, offered: bool) -> None:
    message = _email("zoë@example.gov")
    if offered:
        box = _Postbox()
        async with _relay(box) as port:
            channel = open_email_channel(_settings(port))
            assert await channel.send_many([message]) == [Accepted(None)]
            await channel.close()
        assert box.taken[0].rcpt_tos == ["zoë@example.gov"]
        assert box.taken[0].content == message.data
        return
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        [outcome] = await channel.send_many([message])
    assert isinstance(outcome, PermanentProviderError)
    assert outcome.recipient_fault


async def test_letters_outside_ascii_in_the_domain_need_nothing(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        assert await channel.send_many([_email("zoe@bücher.example")]) == [Accepted(None)]
    assert b"RCPT TO:<zoe@xn--bcher-kva.example>\r\n" in b"".join(relay.sessions[0].chunks)


def test_password_over_an_open_network_stops_the_start() -> None:
    settings = ChannelSettings(smtp_host="mail.example.gov", smtp_tls="none", smtp_username="colonnade")
    with pytest.raises(SettingsError, match="SMTP_TLS"):
        open_email_channel(settings)


def test_unreadable_authorities_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SMTP_CA_FILE"):
        open_email_channel(ChannelSettings(smtp_ca_file=str(tmp_path / "absent.pem")))
