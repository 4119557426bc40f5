"""Routes of messages: send, read, list, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.enums import MediaType
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from common.auth import Operator, Principal, ServiceKey
from common.auth.principals import ScopeMissing, require
from common.http.edge import ShortCuts
from common.http.families import read_body, send_whole
from common.http.idempotency import checked_key
from common.http.refusals import RouteNotFound
from services.notify.callers import actor, audit_reading, caller, service_of
from services.notify.context import Context, header
from services.notify.described import takes
from services.notify.messages import flow, wire
from services.notify.messages.accept import Acceptor, Answer
from services.notify.requests.queries import parse_list_query, parse_uuid
from services.notify.requests.wire import EmailRequest, SmsRequest

_JSON = MediaType.JSON
# room for a personalisation that fills an e-mail of 2,000,000 bytes, escaped
_MOST_BODY_BYTES = 5 * 1024 * 1024


async def _accepted(state: State, scope: Scope, channel: str, read: Callable[[], Awaitable[bytes]]) -> Answer:
    """Check who calls and with what key; then read the body and take the message in."""
    who = await caller(scope, state.context)
    require(who, "notify:send")
    if not isinstance(who, ServiceKey):
        raise ScopeMissing("Messages are sent with an API key of the service.")
    key = checked_key(header(scope, b"idempotency-key"))
    acceptor: Acceptor = state.acceptor
    return await acceptor.accept(who, channel, read, key)


def short_cuts(state: State) -> ShortCuts:
    """The two send routes without the framework's layers: the same flow and the same errors as below."""

    def sender(channel: str) -> ASGIApp:
        async def send(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await _accepted(state, scope, channel, lambda: read_body(receive))
            await send_whole(send, 201, answer.body, {**answer.headers, "content-type": "application/json"})

        return send

    return {("POST", f"/v2/notifications/{channel}"): sender(channel) for channel in ("email", "sms")}


async def _send(request: Request[Any, Any, State], channel: str) -> Response[bytes]:
    answer = await _accepted(request.app.state, request.scope, channel, request.body)
    return Response(answer.body, status_code=201, media_type=_JSON, headers=answer.headers)


@post(
    "/v2/notifications/email",
    operation_id="SendEmail",
    operation_class=takes(EmailRequest),
    request_max_body_size=_MOST_BODY_BYTES,
    tags=["Messages"],
)
async def send_email(request: Request[Any, Any, State]) -> Response[bytes]:
    """Send an e-mail."""
    return await _send(request, "email")


@post(
    "/v2/notifications/sms",
    operation_id="SendSms",
    operation_class=takes(SmsRequest),
    request_max_body_size=_MOST_BODY_BYTES,
    tags=["Messages"],
)
async def send_sms(request: Request[Any, Any, State]) -> Response[bytes]:
    """Send a text message."""
    return await _send(request, "sms")


@post("/v2/notifications/{kind:str}", include_in_schema=False, tags=["Messages"])
async def send_unknown(request: Request[Any, Any, State], kind: FromPath[str]) -> None:
    """To post to a type that is none is to post to nowhere, though messages are read at addresses like it."""
    await caller(request.scope, request.app.state.context)
    raise RouteNotFound("Nothing is served at this address.")


async def _reader(request: Request[Any, Any, State], context: Context) -> tuple[Principal, UUID]:
    who = await caller(request.scope, context)
    require(who, "notify:read")
    return who, service_of(who, request)


@get("/v2/notifications/{notification_id:str}", operation_id="GetNotification", tags=["Messages"])
async def get_message(request: Request[Any, Any, State], notification_id: FromPath[str]) -> wire.Message:
    """One message with its status."""
    context: Context = request.app.state.context
    who, service_id = await _reader(request, context)
    message_id = parse_uuid(notification_id, "notification_id")
    if isinstance(who, Operator):
        async with context.database.transaction() as tx:
            row = await flow.read_message(tx, service_id, message_id)
            await audit_reading(tx, who, request, service_id, message_id)
    else:
        async with context.database.reading() as tx:
            row = await flow.read_message(tx, service_id, message_id)
    return await flow.shown(context, row)


@get("/v2/notifications", operation_id="ListNotifications", tags=["Messages"])
async def list_messages(request: Request[Any, Any, State]) -> wire.MessagePage:
    """Messages of the key's type, newest first, 250 a page."""
    context: Context = request.app.state.context
    who, service_id = await _reader(request, context)
    # read here: Litestar hands repeated parameters out in any order, and `current` should be the address asked for
    params = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    filters = params
    if isinstance(who, Operator):
        filters = [pair for pair in params if pair[0] not in ("service_id", "key_type")]
    query = parse_list_query(filters)
    key_type = who.key_type if isinstance(who, ServiceKey) else request.query_params.get("key_type", "live")
    async with context.database.transaction() as tx:
        rows = await flow.list_messages(tx, service_id, key_type, query)
        if isinstance(who, Operator):
            await audit_reading(tx, who, request, service_id, None)
    base = f"{context.settings.public_url}/v2/notifications"
    messages = [await flow.shown(context, row) for row in rows]
    links = flow.page_links(base, params, rows[-1].id if rows else None)
    return wire.MessagePage(notifications=messages, links=links)


@delete(
    "/v2/notifications/{notification_id:str}", operation_id="CancelNotification", status_code=200, tags=["Messages"]
)
async def cancel_message(request: Request[Any, Any, State], notification_id: FromPath[str]) -> wire.Message:
    """Cancel a scheduled message that is not yet due."""
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    require(who, "notify:send")
    service_id = service_of(who, request)
    message_id = parse_uuid(notification_id, "notification_id")
    async with context.database.transaction() as tx:
        row = await flow.cancel_message(
            tx,
            actor(who, request),
            service_id,
            message_id,
            mode=who.mode if isinstance(who, ServiceKey) else None,
        )
    return await flow.shown(context, row)


ROUTES = [send_email, send_sms, send_unknown, get_message, list_messages, cancel_message]
