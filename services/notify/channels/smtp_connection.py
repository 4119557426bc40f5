"""One kept-open conversation with a relay.

aiosmtplib connects, negotiates TLS and authenticates; it knows one reply at a time and throws away what comes
unasked, so it cannot pipeline (RFC 2920). Once it has logged in, this protocol takes over its transport.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Final, Literal, cast

import aiosmtplib
import msgspec

from common.errors import TransientProviderError
from services.notify.channels.smtp_replies import CLOSING, Reply, parse_reply

Tls = Literal["none", "starttls", "tls"]

_LONGEST_LINE: Final = 8192  # bytes of one reply line; RFC 5321 allows 512
_GOODBYE_S: Final = 2.0
_ENVELOPE: Final = 3  # MAIL, RCPT, DATA


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """Where our mail goes and how it is reached.

    timeout_s: for opening a connection, and for each reply but the one to the final dot.
    final_timeout_s: for the reply to the final dot; short values make duplicates (RFC 5321 section 4.5.3.2.6).
    pipelining: use it where the relay offers it.
    """

    host: str
    port: int
    tls: Tls = "starttls"
    tls_context: ssl.SSLContext | None = None
    username: str = ""
    password: str = ""
    ehlo_name: str = "localhost"
    timeout_s: float = 30.0
    final_timeout_s: float = 120.0
    pipelining: bool = True


class SmtpConnection(asyncio.Protocol):
    """A logged-in connection. `lost` says why it can no longer be used, None while it can.

    accepted: messages that the relay has taken over it.
    """

    def __init__(self, relay: Relay, offers: dict[str, str]) -> None:
        self.pipelined = relay.pipelining and "pipelining" in offers
        self.takes_utf8 = "smtputf8" in offers
        size = offers.get("size", "")
        self.most_bytes = int(size) if size.isdigit() else 0
        self.lost: str | None = None
        self.accepted = 0
        self._timeout_s, self._final_timeout_s = relay.timeout_s, relay.final_timeout_s
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._replies: deque[Reply] = deque()
        self._owed = 0  # replies that the relay still owes us
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._tail = b""

    def take_over(self, transport: asyncio.Transport) -> None:
        """Become the protocol of an open transport."""
        self._transport = transport
        transport.set_protocol(self)

    # the conversation ---------------------------------------------------

    async def begin(self, envelope: bytes) -> list[Reply]:
        """Send MAIL, RCPT and DATA. Up to three replies: fewer if the connection was lost or, unpipelined, at a no."""
        if self.pipelined:
            self._write(envelope, _ENVELOPE)
            return await self._read(_ENVELOPE, self._timeout_s)
        replies: list[Reply] = []
        for command in envelope.splitlines(keepends=True):
            self._write(command, 1)
            replies += await self._read(1, self._timeout_s)
            if self.lost is not None or not replies or replies[-1].code >= 400:
                break
        return replies

    async def finish(self, body: bytes, following: bytes | None) -> tuple[Reply | None, list[Reply]]:
        """Send what ends a transaction (the message and its final dot, or RSET), and the next envelope behind it.

        Gives the reply to the first, and those to the envelope as `begin` does.
        """
        if following is not None and self.pipelined:
            self._write(body + following, 1 + _ENVELOPE)
            replies = await self._read(1 + _ENVELOPE, self._final_timeout_s)
            return (replies[0], replies[1:]) if replies else (None, [])
        self._write(body, 1)
        first = await self._read(1, self._final_timeout_s)
        if following is None or self.lost is not None:
            return (first[0] if first else None), []
        return (first[0] if first else None), await self.begin(following)

    def quit(self) -> None:
        """Say goodbye and close; whoever does not answer is cut off after two seconds."""
        if self._transport is None or self._transport.is_closing():
            return
        self._write(b"QUIT\r\n", 1)
        self.lost = self.lost or "closed by us"
        self._loop.call_later(_GOODBYE_S, self._transport.abort)

    def cut(self, why: str) -> None:
        """Close at once."""
        self.lost = self.lost or why
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # reading and writing ------------------------------------------------

    def _write(self, data: bytes, replies: int) -> None:
        self._owed += replies
        if self.lost is None and self._transport is not None:
            self._transport.write(data)

    async def _read(self, count: int, timeout_s: float) -> list[Reply]:
        """The next replies, `count` of them unless the connection is lost on the way."""
        if len(self._replies) < count and self.lost is None:
            self._wanted, self._waiter = count, self._loop.create_future()
            alarm = self._loop.call_later(timeout_s, self.cut, "timeout")
            try:
                await self._waiter
            finally:
                alarm.cancel()
                self._waiter = None
        if len(self._replies) <= count:
            replies = list(self._replies)
            self._replies.clear()
            return replies
        return [self._replies.popleft() for _ in range(count)]

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Sort what the relay says into replies."""
        lines = (self._tail + data).split(b"\n")
        self._tail = lines.pop()
        if len(self._tail) > _LONGEST_LINE:
            self.cut("protocol error")
        for line in lines:
            if line[3:4] != b"-":
                self._take(line.rstrip(b"\r"))
        if len(self._replies) >= self._wanted or self.lost is not None:
            self._wake()

    def _take(self, line: bytes) -> None:
        try:
            reply = parse_reply(line)
        except ValueError:
            self.cut("protocol error")
            return
        if self._owed == 0 or reply.code == CLOSING or self.lost is not None:
            # Unasked (a relay that gives up an idle connection says 421) or the last word: nothing more may be sent.
            self.lost = self.lost or reply.reason
            if self._transport is not None:
                self._transport.close()
        if self._owed:
            self._owed -= 1
            self._replies.append(reply)

    def eof_received(self) -> bool:
        """The relay hung up."""
        self.lost = self.lost or "connection lost"
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self.lost = self.lost or "connection lost"
        self._wake()
        if not self.closed.done():
            self.closed.set_result(None)


def _why_not(error: BaseException) -> str:
    """A short reason without the relay's words, which may hold a user name."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        try:
            return parse_reply(f"{error.code} {error.message}".encode("utf-8", "replace").split(b"\n")[0]).reason
        except ValueError:
            return "protocol error"
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return "timeout on connecting"
    for cause in (error, error.__cause__):
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'handshake'}"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    if isinstance(error, OSError | aiosmtplib.SMTPConnectError | aiosmtplib.SMTPServerDisconnected):
        return "no connection"
    return "relay lacks what we need (STARTTLS or AUTH)"


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Connect, encrypt and log in; then learn what the relay offers on this, perhaps now encrypted, connection."""
    await client.connect()
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()


async def open_connection(relay: Relay) -> SmtpConnection:
    """A new connection, logged in. Raises TransientProviderError with provider_down."""
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        username=relay.username or None,
        password=relay.password if relay.username else None,
        local_hostname=relay.ehlo_name,
        timeout=None,  # one deadline for the whole opening, below
        use_tls=relay.tls == "tls",
        start_tls=relay.tls == "starttls",
        tls_context=relay.tls_context,
    )
    try:
        async with asyncio.timeout(relay.timeout_s):
            await _greet(client)
    except BaseException as error:
        client.close()
        if isinstance(error, aiosmtplib.SMTPException | OSError):
            raise TransientProviderError(_why_not(error), provider_down=True) from None
        raise
    if client.transport is None or client.transport.is_closing():
        raise TransientProviderError("no connection", provider_down=True)
    connection = SmtpConnection(relay, client.esmtp_extensions)
    connection.take_over(cast(asyncio.Transport, client.transport))
    return connection
