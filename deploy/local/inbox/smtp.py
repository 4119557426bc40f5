"""The mail server: RFC 5321 by aiosmtpd on the program's own event loop, with 8BITMIME, SMTPUTF8 and SIZE."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import socket

from aiosmtpd.smtp import SMTP, Envelope, Session

from common import clock, ids
from deploy.local.inbox import behaviour
from deploy.local.inbox.archive import Arrival
from deploy.local.inbox.intake import Intake
from deploy.local.inbox.mail import Headers, read_headers
from deploy.local.inbox.messages import Kept

SIZE_LIMIT = 10 * 1024 * 1024  # bytes of one e-mail
_LONGEST_SHOWN = 320  # characters of a header kept for lists
_CLOSE_WITHIN_S = 3.0

log = logging.getLogger("inbox.smtp")


class MailHandler:
    """Decides on recipients and keeps what is accepted (hooks that aiosmtpd calls by name)."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._refusals = behaviour.Refusals()
        self._busy = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Refuse `bounce…@` for good, take everybody else."""
        if behaviour.has_no_mailbox(address):
            return "550 5.1.1 No such mailbox (bounce is a test recipient)"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep one message for each recipient, or put the sender off."""
        self._busy += 1
        self.idle.clear()
        try:
            return await self._take(envelope)
        finally:
            self._busy -= 1
            if self._busy == 0:
                self.idle.set()

    async def _take(self, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        headers = read_headers(raw)
        key = headers.get("Message-ID") or hashlib.sha256(raw).hexdigest()
        is_busy = any(behaviour.is_busy(address) for address in envelope.rcpt_tos)
        if is_busy and self._refusals.put_off(key, behaviour.BUSY_TIMES):
            return "451 4.3.2 Busy, come again later (busy is a test recipient)"
        reference = secrets.token_hex(8)
        try:
            await self._intake.accept(_arrivals(raw, headers, envelope, reference))
        except OSError as error:
            log.warning("a message could not be kept: %s", error.strerror)
            return "451 4.3.0 Could not be kept"
        return f"250 2.0.0 OK queued as {reference}"

    async def handle_exception(self, error: Exception) -> str:
        """Answer a fault of ours as temporary, without its text: that may hold an address."""
        log.error("fault while serving an SMTP command: %s", type(error).__name__)
        return "451 4.3.0 Fault in the inbox"


def _arrivals(raw: bytes, headers: Headers, envelope: Envelope, reference: str) -> list[Arrival]:
    now = clock.now()
    sender = headers.get("From") or envelope.mail_from or ""
    return [
        (
            Kept(
                id=str(ids.uuid7()),
                channel="email",
                to=address,
                sender=sender[:_LONGEST_SHOWN],
                title=(headers.get("Subject") or "")[:_LONGEST_SHOWN],
                message=headers.our_id,
                reference=reference,
                outcome=behaviour.outcome_of_email(address),
                received_at=now,
            ),
            raw,
        )
        for address in envelope.rcpt_tos
    ]


class OpenConversations:
    """The connections that are open now. none: set while there are none."""

    def __init__(self) -> None:
        self._members: set[_Conversation] = set()
        self.none = asyncio.Event()
        self.none.set()

    def add(self, conversation: _Conversation) -> None:
        """Count a connection in."""
        self._members.add(conversation)
        self.none.clear()

    def discard(self, conversation: _Conversation) -> None:
        """Count a connection out."""
        self._members.discard(conversation)
        if not self._members:
            self.none.set()

    def end_all(self) -> None:
        """Hang up on everybody."""
        for conversation in list(self._members):
            conversation.end()


class _Conversation(SMTP):
    """One connection, known to its server so that a stop can end it."""

    def __init__(self, handler: MailHandler, open_ones: OpenConversations) -> None:
        super().__init__(
            handler,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="inbox.localhost",
            ident="Colonnade local inbox",
            loop=asyncio.get_running_loop(),
        )
        self._open_ones = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._open_ones.add(self)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_forget_hang_up)

    def connection_lost(self, error: Exception | None) -> None:
        self._open_ones.discard(self)
        super().connection_lost(error)

    def end(self) -> None:
        """Say goodbye and hang up."""
        if self.transport is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write(b"421 4.3.2 The inbox is stopping\r\n")
            self.transport.close()


def _forget_hang_up(task: asyncio.Task[None]) -> None:
    # a client that resets the connection is no fault of ours: without this asyncio prints a traceback for it
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, ConnectionError):
        log.error("an SMTP connection ended by a fault: %s", type(error).__name__)


class MailServer:
    """Listens for mail on a socket that is already bound."""

    def __init__(self, intake: Intake) -> None:
        self._handler = MailHandler(intake)
        self._intake = intake
        self._open_ones = OpenConversations()
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Begin to take mail."""
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # its lines hold addresses
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Conversation(self._handler, self._open_ones), sock=listener)

    async def stop(self) -> None:
        """Take no more mail; what was being kept is kept and answered first."""
        if self._server is None:
            return
        self._server.close()
        await self._handler.idle.wait()
        self._open_ones.end_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._open_ones.none.wait()
