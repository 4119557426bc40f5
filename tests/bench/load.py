"""The load client: a process of its own that keeps so many connections busy, each with one request at a time.

Reads a job a line (JSON) from standard input and answers each with a line. All requests of a job are built before its
clock starts: fresh bodies, fresh JWTs signed as the official clients sign them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import cast

import msgspec
import uvloop

_BODIES = 5_000
_WARM_UP_S = 0.3
_STUCK_S = 20


class Caller(msgspec.Struct, frozen=True):
    """Who sends e-mails, and with which template."""

    service_id: str
    secret: str
    template_id: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A load. caller None: the hello-world route. requests: end after so many, else after so many seconds."""

    port: int
    connections: int
    caller: Caller | None = None
    seconds: float = 3.0
    requests: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a job saw; times in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float
    statuses: dict[int, int]


def _segment(value: object) -> bytes:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")


def bearer(caller: Caller, issued_at: int | None = None) -> str:
    """An Authorization header's value with a JWT, as the official clients make it. issued_at None: now."""
    issued_at = int(time.time()) if issued_at is None else issued_at
    signed = _segment({"typ": "JWT", "alg": "HS256"}) + b"." + _segment({"iss": caller.service_id, "iat": issued_at})
    mac = hmac.new(caller.secret.encode(), signed, hashlib.sha256).digest()
    return "Bearer " + (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def _request(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _requests(caller: Caller | None) -> list[bytes]:
    if caller is None:
        return [_request("/hello", b'{"name": "Ada"}')]
    now, run = int(time.time()), time.monotonic_ns()
    made = []
    for number in range(_BODIES):
        body = {
            "email_address": f"ada.{run}.{number}@example.gov",
            "template_id": caller.template_id,
            "personalisation": {"name": f"Ada {number}", "reference": f"PK-{number:06}", "date": "3 December 2026"},
            "reference": f"bench-{number}",
        }
        header = f"Authorization: {bearer(caller, now - number % 10)}\r\n"
        made.append(_request("/v2/notifications/email", msgspec.json.encode(body), header))
    return made


class Run:
    """One job under way."""

    def __init__(self, job: Job, requests: Sequence[bytes]) -> None:
        self._next = cycle(requests).__next__
        self._left = job.requests
        self._starts_at = 0.0
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.stopped = False

    def begin(self, starts_at: float) -> None:
        """Measure from this moment on."""
        self._starts_at = starts_at

    def take(self) -> bytes | None:
        """The next request; None when there is no more to send."""
        if self.stopped:
            return None
        if self._left is not None:
            if not self._left:
                return None
            self._left -= 1
        return self._next()

    def note(self, status: int, sent_at: float) -> None:
        self.statuses[status] += 1
        now = time.perf_counter()
        if sent_at >= self._starts_at and not self.stopped:
            self.latencies.append(now - sent_at)


class Caught(asyncio.Protocol):
    """One kept-open connection. done: set when it has sent its last request and read the answer."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rest = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server closed the connection"))

    def send(self) -> None:
        """Send the next request, or end."""
        request = self._run.take()
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        head = data.find(b"\r\n\r\n")
        if head >= 0:
            at = data.lower().find(b"content-length:", 0, head) + 15
            if len(data) >= head + 4 + int(data[at : data.find(b"\r\n", at)]):
                self._rest = b""
                self._run.note(int(data[9:12]), self._sent_at)
                self.send()
                return
        self._rest = data


def _quantile(ordered: Sequence[float], share: float) -> float:
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def perform(job: Job) -> Outcome:
    """Do a job. Raises OSError if the server goes away, TimeoutError if it stops to answer."""
    run = Run(job, _requests(job.caller))
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: Caught(run), "127.0.0.1", job.port))[1] for _ in range(job.connections)
    ]
    began = time.perf_counter() + (0 if job.requests is not None else _WARM_UP_S)
    run.begin(began)
    for connection in opened:
        connection.send()
    if job.requests is None:
        await asyncio.sleep(job.seconds + began - time.perf_counter())
        run.stopped = True
        took_s = time.perf_counter() - began
        await asyncio.wait_for(asyncio.gather(*(c.done for c in opened)), _STUCK_S)
    else:
        await asyncio.wait_for(asyncio.gather(*(c.done for c in opened)), _STUCK_S + job.requests / 500)
        took_s = time.perf_counter() - began
    ordered = sorted(run.latencies)
    return Outcome(
        rate=len(ordered) / took_s,
        p50_ms=_quantile(ordered, 0.5),
        p99_ms=_quantile(ordered, 0.99),
        statuses=dict(run.statuses),
    )


def main() -> None:
    decode = msgspec.json.Decoder(Job).decode
    for line in sys.stdin:
        sys.stdout.write(msgspec.json.encode(uvloop.run(perform(decode(line)))).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
