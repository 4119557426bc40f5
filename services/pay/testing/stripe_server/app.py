"""The fake as an ASGI application: authentication, versions, keys, faults, and the two pages a payer sees."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Request, Response, get, post
from litestar.handlers import asgi
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import Receive, Scope, Send

from services.pay.testing.stripe_server.books import API_VERSION
from services.pay.testing.stripe_server.faults import Answer, Faults, Keys
from services.pay.testing.stripe_server.routes import Api, Route, find, perform
from services.pay.testing.stripe_server.wire import ApiError, Params, decode, shown

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "html"), autoescape=True, undefined=StrictUndefined
)
_TEST_KEYS: Final = ("sk_test_", "rk_test_")


class Call(msgspec.Struct):
    """One request to the API, for tests to look at."""

    operation: str
    account: str
    key: str | None
    params: Params


class Front:
    """The API behind HTTP."""

    def __init__(self, api: Api, faults: Faults, keys: Keys, lock: threading.RLock) -> None:
        self.api = api
        self.calls: list[Call] = []
        self.released = threading.Event()
        self._faults = faults
        self._keys = keys
        self._lock = lock

    async def answer(self, request: Request[Any, Any, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or fail it as told."""
        operation, fault = "unknown", None
        try:
            account = _account(request)
            raw = await _body(receive) if request.method == "POST" else request.scope["query_string"]
            params = decode(raw.decode())
            route, name = find(request.method, request.scope["path"])
            operation, fault = route.operation, self._faults.take(route.operation)
            key = request.headers.get("idempotency-key") if request.method == "POST" else None
            self.calls.append(Call(operation, account, key, params))
            await self._strike(fault, "before", send)
            status, body, replayed = self._once(route, account, params, name, key)
        except ApiError as error:
            status, body, replayed = error.status, self._shown(error.body, []), False
        except _Gone:
            return
        try:
            await self._strike(fault, "after", send)
        except ApiError as error:
            status, body = error.status, error.body
        except _Gone:
            return
        await _respond(send, status, body, replayed=replayed)

    def _once(self, route: Route, account: str, params: Params, name: str, key: str | None) -> tuple[int, Params, bool]:
        expand = params.pop("expand", [])
        if key is None:
            with self._lock:
                return 200, self._shown(perform(self.api, route, account, params, name), expand), False
        asked = msgspec.json.encode([route.operation, name, params, expand], order="deterministic").decode()
        earlier = self._keys.begin(account, key, asked)
        if earlier is not None:
            return earlier.status, earlier.body, True
        answer: Answer | None = None
        try:
            with self._lock:
                answer = Answer(asked, 200, self._shown(perform(self.api, route, account, params, name), expand))
        except ApiError as error:
            answer = Answer(asked, error.status, self._shown(error.body, [])) if error.is_kept else None
            raise
        finally:
            self._keys.end(account, key, answer)
        return answer.status, answer.body, False

    def _shown(self, body: Params, expand: list[str]) -> Params:
        found: Params = shown(body, expand, self.api.books.get)
        return found

    async def _strike(self, fault: str | None, moment: str, send: Send) -> None:
        match fault, moment:
            case ("429", "before"):
                raise ApiError(429, "Too many requests", code="rate_limit", is_kept=False)
            case ("401", "before"):
                raise ApiError(401, "Invalid API Key provided", is_kept=False)
            case ("500-before", "before") | ("500-after", "after"):
                raise ApiError(500, "An unknown error occurred", kind="api_error", is_kept=False)
            case ("drop-before", "before") | ("drop-after", "after"):
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
                await send({"type": "http.response.body", "body": b"{", "more_body": False})
                raise _Gone
            case ("hang-before", "before") | ("hang-after", "after"):
                await asyncio.to_thread(self.released.wait)
                raise _Gone


async def _body(receive: Receive) -> bytes:
    raw, more = b"", True
    while more:
        message: Any = await receive()
        raw, more = raw + message.get("body", b""), message.get("more_body", False)
    return raw


class _Gone(Exception):
    """The connection was left without an answer."""


def _account(request: Request[Any, Any, Any]) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        value = base64.b64decode(value).decode().partition(":")[0]
    if not value.startswith(_TEST_KEYS):
        raise ApiError(401, "Invalid API Key provided", is_kept=False)
    if request.headers.get("stripe-version") != API_VERSION:
        raise ApiError(400, f"Not the pinned version {API_VERSION}", is_kept=False)
    return request.headers.get("stripe-account", "")


async def _respond(send: Send, status: int, body: Params, *, replayed: bool) -> None:
    raw = msgspec.json.encode(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(raw)).encode()),
        (b"request-id", f"req_{secrets.token_hex(7)}".encode()),
        (b"stripe-version", API_VERSION.encode()),
    ]
    if replayed:
        headers.append((b"idempotent-replayed", b"true"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw, "more_body": False})


def _checkout_page(session: Params, *, error: bool) -> Response[str]:
    if session["status"] != "open":
        return Response("<h1>This page is closed</h1>", media_type="text/html", status_code=410)
    html = _pages.get_template("checkout.html").render(session=session, name=session["_name"], error=error)
    return Response(html, media_type="text/html", status_code=200)


def build(front: Front, lock: threading.RLock) -> Litestar:
    """The application: /v1 for the adapter, /c/pay and /3ds for the payer."""
    sessions, objects = front.api.sessions, front.api.books.objects

    @asgi("/v1", is_mount=True, copy_scope=False)
    async def v1(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = "/v1" + scope["path"].removeprefix("/v1").rstrip("/")
        await front.answer(Request(scope), receive, send)

    @get("/c/pay/{name:str}", sync_to_thread=False)
    def show_checkout(name: FromPath[str]) -> Response[str]:
        with lock:
            return _checkout_page(sessions.ripen(objects[name]), error=False)

    @post("/c/pay/{name:str}")
    async def pay(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[Any]:
        form = dict(await request.form())
        with lock:
            session = sessions.ripen(objects[name])
            after = sessions.pay(session, form) if session["status"] == "open" else None
            return _checkout_page(session, error=True) if after is None else Redirect(after, status_code=303)

    @get("/3ds/{name:str}", sync_to_thread=False)
    def show_challenge(name: FromPath[str]) -> Response[str]:
        return Response(_pages.get_template("challenge.html").render(name=name), media_type="text/html")

    @post("/3ds/{name:str}")
    async def challenge(name: FromPath[str], request: Request[Any, Any, Any]) -> Redirect:
        passed = (await request.form()).get("answer") == "complete"
        with lock:
            after = sessions.challenged(objects[name], passed=passed)
        return Redirect(after, status_code=303)

    handlers = [v1, show_checkout, pay, show_challenge, challenge]
    return Litestar(handlers, openapi_config=None, logging_config=None, debug=True)
