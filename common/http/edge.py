"""The outermost layer of every program: trace, security headers, body limit, figures, access log, orderly end.

One plain ASGI layer instead of six, since it stands on a path that answers 10,000 requests a second; it costs 10 µs a
request in all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from common import clock
from common.errors import PayloadTooLarge
from common.http.families import Families, is_below, send_whole
from common.http.metrics import figures_of, in_flight
from common.http.trace import begin_trace
from common.log import AccessLog

log = structlog.get_logger(__name__)

_WHO = "common.http.who"
_NO_ROUTE = "(none)"

# what an API answers unless a prefix or a handler says otherwise; pages set their own content-security-policy
SECURITY_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-permitted-cross-domain-policies": "none",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

Headers = list[tuple[bytes, bytes]]
# (method, path) of a hot route → the application that answers it without the framework's layers
ShortCuts = Mapping[tuple[str, str], ASGIApp]


def name_caller(scope: Scope, **ids: str) -> None:
    """Say who calls, for the access log: ids only (service_id, key_id, operator_id), never a name or an address."""
    state = scope.setdefault("state", {})
    state[_WHO] = {**state.get(_WHO, {}), **ids}


class HeaderSets:
    """The headers added to answers, by path prefix: the defaults, overridden for each longer prefix that matches.

    An empty value leaves a header out. A header that the handler set itself stays as it is.
    """

    def __init__(self, by_prefix: Mapping[str, Mapping[str, str]]) -> None:
        given = {prefix: {n.lower(): v for n, v in headers.items()} for prefix, headers in by_prefix.items()}
        self._ordered: list[tuple[str, Headers]] = []
        for prefix in sorted({"", *given}, key=lambda prefix: -len(prefix)):
            merged = dict(SECURITY_HEADERS)
            for shorter in sorted(given, key=len):
                if is_below(prefix, shorter):
                    merged.update(given[shorter])
            pairs = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in merged.items() if v]
            self._ordered.append((prefix, pairs))

    def of(self, path: str) -> Headers:
        for prefix, pairs in self._ordered:
            if path.startswith(prefix) and is_below(path, prefix):
                return pairs
        raise LookupError("the empty prefix matches every path")


class Edge:
    """Wraps a program's application. `lifespan` opens and closes what the program holds (pools, lanes, limits)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        lifespan: AbstractAsyncContextManager[None],
        families: Families,
        headers: HeaderSets,
        access_log: AccessLog,
        max_body_bytes: int,
        shutdown_grace_s: float,
        short_cuts: ShortCuts | None = None,
    ) -> None:
        self._app = app
        self._short_cuts = dict(short_cuts or {})
        self._lifespan = lifespan
        self._families = families
        self._headers = headers
        self._access_log = access_log
        self._max_body_bytes = max_body_bytes
        self._shutdown_grace_s = shutdown_grace_s
        self._in_flight = 0
        self._last_answer: asyncio.Event | None = None  # set while the program stops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "http":
            await self._answer(cast(HTTPScope, scope), receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    # a request ----------------------------------------------------------

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        length, incoming = _read(scope["headers"])
        trace = begin_trace(incoming)
        own = ((b"x-request-id", trace[36:52].encode()), (b"traceparent", trace.encode()))
        added = [*self._headers.of(scope["path"]), *own]
        status = 0

        async def send_on(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message.get("headers", ())
                named = {name for name, _ in given}
                message = {**message, "headers": [*given, *[pair for pair in added if pair[0] not in named]]}
            await send(message)

        self._in_flight += 1
        in_flight.inc()
        try:
            if length > self._max_body_bytes:
                raise PayloadTooLarge("Send a smaller body.", most_bytes=self._max_body_bytes)
            app = self._app
            if (short_cut := self._short_cuts.get((scope["method"], scope["path"]))) is not None:
                app, scope["path_template"] = short_cut, scope["path"]
            await app(scope, self._counted(receive) if length < 0 else receive, send_on)
        except Exception as error:
            if status:  # too late for an answer: the server must cut the connection
                raise
            await send_whole(send_on, *self._families.answer(error, scope))
        finally:
            self._in_flight -= 1
            in_flight.dec()
            if self._last_answer is not None and not self._in_flight:
                self._last_answer.set()
            self._note(scope, status or 499, time.perf_counter() - began, trace)

    def _note(self, scope: HTTPScope, status: int, took_s: float, trace: str) -> None:
        method, route = scope["method"], scope.get("path_template") or _NO_ROUTE
        figures_of(method, route).note(status, took_s)
        if self._access_log.is_on:
            who = scope["state"].get(_WHO) if "state" in scope else None
            at_s = clock.epoch_s() - took_s
            self._access_log.note(method, route, status, at_s=at_s, took_s=took_s, trace=trace, who=who)

    def _counted(self, receive: Receive) -> Receive:
        """Stop a body of unknown length at the limit."""
        left = self._max_body_bytes

        async def receive_on() -> Any:
            nonlocal left
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    raise PayloadTooLarge("Send a smaller body.", most_bytes=self._max_body_bytes)
            return message

        return receive_on

    # the program's life -------------------------------------------------

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.open()
        except Exception as error:
            log.exception("http.start_failed")
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.close()
        except Exception as error:
            log.exception("http.stop_failed")
            await send({"type": "lifespan.shutdown.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def open(self) -> None:
        """Start what the program holds."""
        await self._lifespan.__aenter__()
        self._access_log.use_timer(asyncio.get_running_loop().call_later)

    async def close(self) -> None:
        """Wait for what was accepted (within the grace), then close what the program holds."""
        if self._in_flight:
            self._last_answer = asyncio.Event()
            try:
                async with asyncio.timeout(self._shutdown_grace_s):
                    await self._last_answer.wait()
            except TimeoutError:
                log.warning("http.unfinished_at_stop", requests=self._in_flight)
        try:
            await self._lifespan.__aexit__(None, None, None)
        finally:
            self._access_log.use_timer(None)
            self._access_log.flush()


def _read(headers: Any) -> tuple[int, str]:
    """The length announced (-1: the body must be counted as it comes) and the caller's traceparent."""
    length, is_chunked, incoming = -1, False, ""
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"transfer-encoding":
            is_chunked = True
        elif name == b"traceparent":
            incoming = value.decode("latin-1")
    return (-1 if is_chunked else length), incoming
