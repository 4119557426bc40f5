"""Wire forms of errors: one family for each API, chosen by the path's prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import structlog
from litestar import Request, Response
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from common.errors import ServiceError
from common.http.refusals import ClientGone, as_refusal
from common.http.trace import current_trace_id

log = structlog.get_logger(__name__)

_RESERVED = frozenset({"type", "title", "status", "detail", "kind", "trace_id"})
_ERRORS_PAGE = "/docs/errors"


class ErrorFamily(Protocol):
    """The wire form of errors below a path prefix."""

    def render(self, error: BaseException, scope: Scope) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (content-type included) of an answer.

        error: a ServiceError (unknown routes, wrong methods, oversized and malformed bodies included), or anything
        else, which is a bug: already logged, answered with 500 and no word of what went wrong.
        """


class ProblemFamily:
    """RFC 9457 problem+json, with our stable `kind` and the facts of the refusal beside the standard members."""

    media_type = "application/problem+json"

    def render(self, error: BaseException, scope: Scope) -> tuple[int, bytes, dict[str, str]]:
        if isinstance(error, ServiceError):
            status, kind, title, detail = error.status, error.kind, error.title, error.detail
            headers, facts = error.headers, error.facts
        else:
            status, kind, title = 500, "internal-error", "Something went wrong on our side"
            detail = "Quote the trace_id when you ask about it."
            headers, facts = {}, {}
        body: dict[str, Any] = {
            "type": f"{_ERRORS_PAGE}#{kind}",
            "title": title,
            "status": status,
            "detail": detail,
            "kind": kind,
            "trace_id": current_trace_id(),
        }
        body.update((name, fact) for name, fact in facts.items() if name not in _RESERVED)
        encoded = msgspec.json.encode(body, enc_hook=str)
        return status, encoded, {**headers, "content-type": self.media_type}


class Families:
    """Which family speaks for a path: the one with the longest matching prefix, problem+json where none matches."""

    def __init__(self, families: Mapping[str, ErrorFamily]) -> None:
        given: dict[str, ErrorFamily] = {"": ProblemFamily(), **families}
        self._ordered = sorted(given.items(), key=lambda item: -len(item[0]))

    def of(self, path: str) -> ErrorFamily:
        return next(family for prefix, family in self._ordered if is_below(path, prefix))

    def answer(self, error: BaseException, scope: HTTPScope) -> tuple[int, bytes, dict[str, str]]:
        """Translate, log if it is a bug, and render."""
        refusal = as_refusal(error)
        if not isinstance(refusal, ServiceError):
            log.error("http.unexpected_error", route=scope.get("path_template", ""), exc_info=refusal)
        return self.of(scope["path"]).render(refusal, scope)

    def handle(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        """Litestar's exception handler; sync, since Litestar does not await it."""
        status, body, headers = self.answer(error, request.scope)
        return _Raw(status, body, headers)


class _Raw(Response[bytes]):
    """An answer whose every byte is ours: Litestar adds no charset and no header of the route."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(b"", status_code=status)
        self._answer = (status, body, headers)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send_whole(send, *self._answer)

        return answer


async def read_body(receive: Receive) -> bytes:
    """A request's whole body; the edge has set its limit."""
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and message["type"] == "http.request":
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGone("The caller went away before the body was whole.")
    return body


async def send_whole(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Send an answer in one piece; the server leaves the body out for HEAD."""
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def is_below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix itself or lies under it: /v2 covers /v2 and /v2/x, not /v22."""
    return path.startswith(prefix) and (
        len(path) == len(prefix) or prefix[-1:] in ("", "/") or path[len(prefix)] == "/"
    )
