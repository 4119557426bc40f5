"""A minimal SMTP server that takes everything and remembers when: a process of its own.

Prints its port, then reads a command a line: `reset`, `report`, `wait <count> <seconds>`, `arrived <message id>
<seconds>`, `sample <file>`; it answers each with a line of JSON. Times are of the monotonic clock, which all processes
of a machine share.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import uvloop

_POLL_S = 0.001
_GREETING = b"220 sink\r\n"
_EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n"
_FINE = b"250 2.0.0 fine\r\n"


class Report(msgspec.Struct, frozen=True):
    """How many messages came since the reset, and when the first and the last of them did."""

    count: int
    first_at: float
    last_at: float


class Arrival(msgspec.Struct, frozen=True):
    """When a message came; None if it did not in the time given."""

    at: float | None


class Taken:
    """What came since the reset."""

    def __init__(self) -> None:
        self.arrivals: dict[bytes, float] = {}
        self.count = 0
        self.first_at = self.last_at = 0.0
        self.sample = b""

    def take(self, message: bytes) -> None:
        now = time.monotonic()
        if not self.count:
            self.first_at, self.sample = now, message
        self.count += 1
        self.last_at = now
        at = message.find(b"Message-ID: <") + 13
        self.arrivals[message[at : at + 36]] = now

    def report(self) -> Report:
        return Report(self.count, self.first_at, self.last_at)


class Conversation(asyncio.Protocol):
    """One SMTP connection."""

    def __init__(self, taken: list[Taken]) -> None:
        self._taken = taken
        self._rest = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        at, answers = 0, []
        while True:
            end = b"\r\n.\r\n" if self._in_message else b"\r\n"
            found = buffer.find(end, at)
            if found < 0:
                break
            piece = buffer[at:found]
            at = found + len(end)
            answers.append(self._message(piece) if self._in_message else self._command(piece))
        self._rest = buffer[at:]
        if answers:
            self._transport.write(b"".join(answers))

    def _message(self, message: bytes) -> bytes:
        self._in_message = False
        self._taken[0].take(message + b"\r\n")
        return _FINE

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_message = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return _EHLO
        if verb == b"QUIT":
            self._transport.close()
            return b"221 bye\r\n"
        return _FINE


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_S)


async def _obey(words: list[str], taken: list[Taken]) -> object:
    match words:
        case ["reset"]:
            taken[0] = Taken()
        case ["wait", count, seconds]:
            await _until(lambda: taken[0].count >= int(count), float(seconds))
        case ["arrived", message, seconds]:
            await _until(lambda: message.encode() in taken[0].arrivals, float(seconds))
            return Arrival(taken[0].arrivals.get(message.encode()))
        case ["sample", file]:
            await asyncio.to_thread(Path(file).write_bytes, taken[0].sample)
    return taken[0].report()


async def serve() -> None:
    """Take mail until standard input ends."""
    taken = [Taken()]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(taken), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        answer = await _obey(line.decode().split(), taken)
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
