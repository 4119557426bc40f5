"""The coat around the web part: which hosts it answers to, and the headers that every answer carries."""

from __future__ import annotations

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REFUSAL: Final = b"The local inbox answers only under localhost and 127.0.0.1.\n"

NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_HEADERS: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": NOTHING.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    # same-origin, not no-referrer: under no-referrer browsers send "Origin: null" with our own forms
    b"referrer-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


def page_policy(nonce: str) -> str:
    """The Content-Security-Policy of our own pages: nothing from elsewhere, one script by its nonce."""
    return (
        f"default-src 'none'; style-src 'self'; script-src 'nonce-{nonce}'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


# The e-mail itself: no script, no form, nothing fetched; its links open in a window of their own.
EMAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def host_of(scope: Scope) -> str:
    """The Host header, empty if there is none."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def _is_own(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition("]")[2].startswith(":") or "]" not in host else host
    return (name or host).lower() in _OWN_NAMES


class Shield:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse strange hosts (a site whose name resolves to 127.0.0.1 must not read mail); add what is missing."""
        if scope["type"] == ScopeType.WEBSOCKET:
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [(name, value) for name, value in _HEADERS.items() if name not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        if _is_own(host_of(scope)):
            await self._app(scope, receive, send_with_headers)
            return
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": 421,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_REFUSAL))],
        }
        await send_with_headers(start)
        await send({"type": "http.response.body", "body": _REFUSAL, "more_body": False})
