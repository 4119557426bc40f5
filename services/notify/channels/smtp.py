"""E-mail out by SMTP (RFC 5321): a few kept-open connections, pipelined where the relay offers it (RFC 2920).

All waiting messages stand in one queue; each connection takes the next as soon as it has handed over its last, so a
slow one holds up nobody else. A message is put back only while its final dot has not been sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from common.errors import PermanentProviderError, ProviderError, TransientProviderError
from services.notify.channels.addresses import UnusableAddress, wire_address
from services.notify.channels.protocol import Accepted, Outcome, OutgoingEmail
from services.notify.channels.smtp_connection import Relay, SmtpConnection, open_connection
from services.notify.channels.smtp_replies import CLOSING, START_INPUT, Reply, judge_envelope, judge_final

_RESET: Final = b"RSET\r\n"
_LONE_DOT: Final = b".\r\n"  # answers a 354 when there is nobody to send to (RFC 2920 section 3.1)
_CLOSE_S: Final = 5.0


class _Batch:
    """One `send_many`: its outcomes, and the future that its caller awaits."""

    def __init__(self, size: int) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.size = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, outcome: Outcome) -> None:
        self.outcomes[index] = outcome
        if len(self.outcomes) == self.size and not self.done.done():
            self.done.set_result(None)

    def abandon(self) -> None:
        """Stop waiting: what is not settled may or may not have left."""
        for index in range(self.size):
            if index not in self.outcomes:
                self.settle(index, TransientProviderError("channel closed", sent_unknown=True))

    def fail(self, bug: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(bug)


class _Job:
    """One message of a batch on its way. envelope: its commands for the connection that took it."""

    __slots__ = ("batch", "begin_before", "envelope", "index", "message")

    def __init__(self, message: OutgoingEmail, batch: _Batch, index: int, begin_before: float) -> None:
        self.message, self.batch, self.index, self.begin_before = message, batch, index, begin_before
        self.envelope = b""

    def settle(self, outcome: Outcome) -> None:
        self.batch.settle(self.index, outcome)


def envelope_of(message: OutgoingEmail, connection: SmtpConnection) -> bytes:
    """MAIL, RCPT and DATA for a message. Raises PermanentProviderError if this relay can never take it."""
    if 0 < connection.most_bytes < len(message.data):
        raise PermanentProviderError("552 5.3.4")  # what the relay would say, without sending it all
    line_ends = message.data.count(b"\r\n")
    if message.data.count(b"\n") != line_ends or message.data.count(b"\r") != line_ends:
        # A bare CR or LF is read as a line end by some relays and not by others: a message could smuggle a second.
        raise PermanentProviderError("malformed message")
    try:
        to = wire_address(message.to)
        sender = wire_address(message.envelope_from) if message.envelope_from else ""
    except UnusableAddress:
        raise PermanentProviderError("unusable address", recipient_fault=True) from None
    if to.isascii() and sender.isascii() and connection.pipelined:
        return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode("ascii")
    needs_utf8 = not (to.isascii() and sender.isascii())
    if needs_utf8 and not connection.takes_utf8:
        raise PermanentProviderError("relay lacks SMTPUTF8", recipient_fault=True)
    extra = " SMTPUTF8 BODY=8BITMIME" if needs_utf8 else ""
    return f"MAIL FROM:<{sender}>{extra}\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode()


def stuffed(data: bytes) -> bytes:
    """The message as it follows a 354: leading dots doubled, the final dot behind it (RFC 5321 section 4.5.2)."""
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    if data.startswith(b"."):
        data = b"." + data
    return data + (b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n")


class SmtpChannel:
    """E-mail by one relay.

    chunk: connections × pipeline depth. longest_s: no `send_many` takes longer, so a lease must be longer than that.
    """

    name = "smtp"

    def __init__(
        self,
        relay: Relay,
        *,
        connections: int = 8,
        pipeline_depth: int = 10,
        reports_receipts: bool = False,
        idle_s: float = 15.0,
    ) -> None:
        self.reports_receipts = reports_receipts
        self.chunk = connections * pipeline_depth
        self.longest_s = 4 * relay.timeout_s + 2 * relay.final_timeout_s
        self._relay, self._connections, self._idle_s = relay, connections, idle_s
        self._queue: deque[_Job] = deque()
        self._batches: set[_Batch] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: dict[SmtpConnection, asyncio.TimerHandle] = {}
        self._open: set[SmtpConnection] = set()
        self._closing = False

    async def send_many(self, messages: Sequence[OutgoingEmail]) -> list[Outcome]:
        """Hand the messages over, at most `chunk` of them. Raises ValueError for more: they could not all be in flight.

        A message that no connection could begin within the relay's time-out comes back for another try.
        """
        if len(messages) > self.chunk:
            raise ValueError(f"{len(messages)} messages: at most {self.chunk} at a time")
        if self._closing or not messages:
            return [TransientProviderError("channel closed") for _ in messages]
        batch = _Batch(len(messages))
        begin_before = asyncio.get_running_loop().time() + self._relay.timeout_s
        self._queue.extend(_Job(message, batch, index, begin_before) for index, message in enumerate(messages))
        for _ in range(min(self._connections - len(self._workers), len(self._queue))):
            worker = asyncio.create_task(self._work(), name="smtp connection")
            self._workers.add(worker)
            worker.add_done_callback(self._worked)
        self._batches.add(batch)
        try:
            await batch.done
        finally:
            self._batches.discard(batch)
        return [batch.outcomes[index] for index in range(batch.size)]

    async def close(self) -> None:
        """Take no more, finish what is in hand (5 s at most), say goodbye on every connection."""
        self._closing = True
        self._fail_waiting(TransientProviderError("channel closed"))
        if self._workers:
            await asyncio.wait(self._workers, timeout=_CLOSE_S)
        for worker in list(self._workers):
            worker.cancel()
        leaving = list(self._open)
        for connection in leaving:
            if (timer := self._idle.pop(connection, None)) is None:
                connection.cut("channel closed")
            else:
                timer.cancel()
                connection.quit()
        if leaving:
            await asyncio.wait([connection.closed for connection in leaving], timeout=_CLOSE_S)

    # the workers --------------------------------------------------------

    async def _work(self) -> None:
        """Keep one connection busy while messages wait.

        A connection that fails leaves the queue to the others; the last one to fail answers for all that waits.
        """
        down: TransientProviderError | None = None
        try:
            while self._queue and down is None:
                connection = self._idle_connection() or await self._new_connection()
                down = await self._converse(connection)
                self._keep(connection)
        except TransientProviderError as failure:
            down = failure
        me = asyncio.current_task()
        if me is not None:
            self._workers.discard(me)
        if down is not None and not self._workers:
            self._fail_waiting(down)

    def _worked(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        # Nobody may wait for ever on a message that a stopped or broken worker held.
        if worker.cancelled():
            for batch in self._batches:
                batch.abandon()
        elif (bug := worker.exception()) is not None:
            for batch in self._batches:
                batch.fail(bug)

    def _fail_waiting(self, why: TransientProviderError) -> None:
        while self._queue:
            self._queue.popleft().settle(
                TransientProviderError(why.reason, retry_after_s=why.retry_after_s, provider_down=why.provider_down)
            )

    async def _converse(self, connection: SmtpConnection) -> TransientProviderError | None:
        """Hand over messages until none waits or the connection is gone. Returns why the relay is down, if it is."""
        job = self._next_for(connection)
        replies = await connection.begin(job.envelope) if job is not None else []
        while job is not None:
            refused = judge_envelope(replies, connection.lost)
            if refused is not None and connection.lost is not None:
                return self._broken(job, refused, replies, connection)
            following = self._next_for(connection)
            reply, replies = await connection.finish(
                _ending(job, refused, replies), following.envelope if following is not None else None
            )
            outcome = refused if refused is not None else judge_final(reply, connection.lost)
            connection.accepted += isinstance(outcome, Accepted)
            job.settle(outcome)
            job = following
        return None

    def _broken(
        self, job: _Job, refused: ProviderError, replies: Sequence[Reply], connection: SmtpConnection
    ) -> TransientProviderError | None:
        """The connection went before the message did, so trying again cannot make a duplicate."""
        last_word = replies[-1].code if replies else 0
        if last_word >= 400 and last_word != CLOSING:
            job.settle(refused)
            return None
        if connection.accepted:
            # It worked before: a relay that limits messages per connection, or that hung up an idle one.
            self._queue.appendleft(job)
            return None
        job.settle(refused)
        return refused if isinstance(refused, TransientProviderError) and refused.provider_down else None

    def _next_for(self, connection: SmtpConnection) -> _Job | None:
        """The next message that this connection can take; those that can never go are settled on the way."""
        now = asyncio.get_running_loop().time()
        while self._queue:
            job = self._queue.popleft()
            if job.batch.done.done():  # its caller has gone
                continue
            if now > job.begin_before:
                job.settle(TransientProviderError("not begun in time"))
                continue
            try:
                job.envelope = envelope_of(job.message, connection)
            except PermanentProviderError as never:
                job.settle(never)
                continue
            return job
        return None

    # the connections ----------------------------------------------------

    def _idle_connection(self) -> SmtpConnection | None:
        """The connection used last, if it is still good."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.lost is None:
                return connection
        return None

    async def _new_connection(self) -> SmtpConnection:
        connection = await open_connection(self._relay)
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def _keep(self, connection: SmtpConnection) -> None:
        """Keep a good connection for a while; let go of a lost one."""
        if connection.lost is not None:
            connection.cut(connection.lost)
            return
        self._idle[connection] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, connection)

    def _retire(self, connection: SmtpConnection) -> None:
        if self._idle.pop(connection, None) is not None:
            connection.quit()


def _ending(job: _Job, refused: ProviderError | None, replies: Sequence[Reply]) -> bytes:
    """What ends the transaction: the message, or what takes a refused one back."""
    if refused is None:
        return stuffed(job.message.data)
    return _LONE_DOT if len(replies) == 3 and replies[2].code == START_INPUT else _RESET
