"""What Notify delivers to: a relay and a gateway that count what they took, and can be slow or hang."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter

_MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-f-]{36})@", re.MULTILINE)


class Relay:
    """An SMTP server that counts what it acknowledged, by Message-ID.

    pause_s: how long it takes over each message. hangs: connections (in order) that never acknowledge one; `None` for
    all of them.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.messages: list[bytes] = []
        self.pause_s = 0.0
        self.hangs: int | None = 0
        self.hung = 0
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._open.add(writer)
        try:
            await self._converse(reader, writer, number)
        except (OSError, asyncio.IncompleteReadError):
            return  # a client that was killed
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"220 relay\r\n")
        while line := await reader.readline():
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                writer.write(b"250-relay\r\n250-PIPELINING\r\n250 SIZE 0\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                message = await reader.readuntil(b"\r\n.\r\n")
                if self.hangs is None or number <= self.hangs:
                    self.hung += 1
                    await reader.read()
                    return
                await self._take(message)
                writer.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 fine\r\n")

    async def _take(self, message: bytes) -> None:
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        found = _MESSAGE_ID.search(message)
        assert found is not None
        self.taken[found[1].decode()] += 1
        self.messages.append(message)

    @property
    def duplicates(self) -> dict[str, int]:
        return {message: times for message, times in self.taken.items() if times > 1}


class Gateway:
    """An SMS gateway (docs/sms-gateway.md) that counts what came and what was asked for, and remembers every id."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.pause_s = 0.0
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                status, answer = await self._answer(head, body)
                text = json.dumps(answer).encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, head: str, body: bytes) -> tuple[int, dict[str, str]]:
        if head.startswith("GET "):
            message = head.split()[1].rpartition("/")[2]
            self.asked[message] += 1
            return (200, {"id": f"g-{message}", "status": "accepted"}) if message in self.taken else (404, {})
        message = json.loads(body)["id"]
        self.taken[message] += 1
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        return 202 if self.taken[message] == 1 else 200, {"id": f"g-{message}"}
