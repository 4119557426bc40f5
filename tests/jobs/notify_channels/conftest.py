"""Relays to talk to: a real one (aiosmtpd), and a bare one whose every reply a test decides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.ids import uuid7
from services.notify.channels.protocol import OutgoingEmail
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.smtp_connection import Relay

CLOSE = "close"  # hang up instead of replying
HANG = "hang"  # say nothing, ever
Answer = Callable[["Session", str], str | None]  # None = the friendly reply


class Session(asyncio.Protocol):
    """One connection to the bare relay. chunks: what came in, read by read; messages: what was taken."""

    def __init__(self, relay: BareRelay) -> None:
        self.relay = relay
        self.chunks: list[bytes] = []
        self.verbs: list[str] = []
        self.messages: list[bytes] = []
        self._buffer = b""
        self._in_message = False
        self.gone = False
        self.silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.relay.sessions.append(self)
        self._say(self.relay.answer(self, "GREETING") or "220 relay")

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True

    def _say(self, reply: str) -> None:
        if reply == CLOSE:
            self.transport.close()
        elif reply == HANG:
            self.silent = True
        elif not self.silent:
            self.transport.write(reply.replace("\n", "\r\n").encode() + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self.chunks.append(data)
        self._buffer += data
        while not self.transport.is_closing():
            end = b"\r\n" if not self._in_message or self._buffer.startswith(b".\r\n") else b"\r\n.\r\n"
            at = self._buffer.find(end)
            if at < 0:
                return
            piece, self._buffer = self._buffer[:at], self._buffer[at + len(end) :]
            if self._in_message:
                self._message(piece)
            else:
                self._command(piece.decode())

    def _message(self, piece: bytes) -> None:
        self._in_message = False
        self.verbs.append("DOT")
        reply = self.relay.answer(self, "DOT") or "250 2.0.0 taken"
        if reply.startswith("250"):
            self.messages.append(piece)
            self.relay.messages.append(piece)
        self._say(reply)

    def _command(self, line: str) -> None:
        verb = line.split(" ")[0].split(":")[0].upper()
        self.verbs.append(verb)
        friendly = {"EHLO": "250-relay\n" + self.relay.offers, "DATA": "354 go on", "QUIT": "221 bye"}
        reply = self.relay.answer(self, line) or friendly.get(verb, "250 2.0.0 fine")
        self._in_message = verb == "DATA" and reply.startswith("354")
        self._say(reply)
        if verb == "QUIT":
            self.transport.close()


class BareRelay:
    """A relay that answers as a test says. port: where it listens on loopback."""

    def __init__(self, answer: Answer, *, pipelining: bool = True, size: int = 0) -> None:
        extra = "250-PIPELINING\n" if pipelining else ""
        self.offers = f"{extra}250 SIZE {size}"
        self.answer = answer
        self.sessions: list[Session] = []
        self.messages: list[bytes] = []
        self.port = 0


@asynccontextmanager
async def bare_relay(
    answer: Answer = lambda _session, _line: None, *, pipelining: bool = True, size: int = 0
) -> AsyncIterator[BareRelay]:
    """A bare relay for the length of a block."""
    relay = BareRelay(answer, pipelining=pipelining, size=size)
    server = await asyncio.get_running_loop().create_server(lambda: Session(relay), "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for session in relay.sessions:
            session.transport.abort()


@asynccontextmanager
async def channel_to(
    port: int, *, connections: int = 1, depth: int = 10, **relay: object
) -> AsyncIterator[SmtpChannel]:
    """A channel to a relay on loopback; keyword arguments go to Relay, `idle_s` to the channel."""
    idle_s = float(relay.pop("idle_s", 15.0))  # type: ignore[arg-type]
    settings: dict[str, object] = {"host": "localhost", "port": port, "tls": "none", "timeout_s": 30.0, **relay}
    channel = SmtpChannel(
        Relay(**settings, pipelining=depth > 1),  # type: ignore[arg-type]
        connections=connections,
        pipeline_depth=depth,
        idle_s=idle_s,
    )
    try:
        yield channel
    finally:
        await channel.close()


def an_email(to: str = "ada@example.gov", body: bytes = b"Hello\r\n") -> OutgoingEmail:
    """A small message; its id stands in the Subject."""
    message_id = uuid7()
    head = f"From: permits@notify.example.gov\r\nSubject: {message_id}\r\n\r\n".encode()
    return OutgoingEmail(message_id, to, "bounces@notify.example.gov", head + body)


async def until(condition: Callable[[], bool], deadline_s: float = 30.0) -> None:
    """Wait for something to come true; fails when it does not in time."""
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.005)


class Certificate:
    """A self-made certificate for localhost. ca_file: what a client must trust."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .sign(key, hashes.SHA256())
        )
        self.ca_file = folder / "relay.pem"
        self.ca_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key_file = folder / "relay.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.ca_file, key_file)
        self.client = ssl.create_default_context(cafile=str(self.ca_file))


class Tools:
    """What the tests of this folder share (a folder of tests is no package, so it comes by fixture)."""

    CLOSE, HANG = CLOSE, HANG
    bare_relay = staticmethod(bare_relay)
    channel_to = staticmethod(channel_to)
    an_email = staticmethod(an_email)
    until: Callable[..., Awaitable[None]] = staticmethod(until)


@pytest.fixture
def tools() -> Tools:
    """Relays, channels and messages."""
    return Tools()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost."""
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def anyio_backend() -> str:
    """asyncio, as in production."""
    return "asyncio"
