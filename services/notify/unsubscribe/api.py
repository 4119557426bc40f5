"""Routes of unsubscribing: one click from a mail program, the page for a browser, the list for the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from common.auth import ServiceKey
from common.auth.directory import Nobody
from common.auth.principals import Service, require
from common.errors import InvalidInput
from services.notify.callers import caller
from services.notify.context import Context
from services.notify.tenants import service_for
from services.notify.unsubscribe import flow, pages, wire
from services.notify.unsubscribe.flow import LinkGone, LinkNotValid

_TAGS = ["Unsubscribe"]
_LINK = "/unsubscribe/{message_id:str}/{token:str}"
_MOST_BODY_BYTES = 64 * 1024  # the body says nothing that the link does not

Call = Request[Any, Any, State]


async def _service(context: Context, service_id: UUID) -> Service:
    known = await context.directory.services.get(service_id)
    if isinstance(known, Nobody):
        raise LinkGone
    return known.service


@post(
    _LINK,
    operation_id="Unsubscribe",
    status_code=200,
    request_max_body_size=_MOST_BODY_BYTES,
    tags=_TAGS,
    opt={"is_public": True},
)
async def unsubscribe(request: Call, message_id: FromPath[str], token: FromPath[str]) -> wire.Unsubscribed:
    """One click (RFC 8058), without credentials; once more changes nothing."""
    context: Context = request.app.state.context
    link = flow.link_of(context.crypto, message_id, token)
    async with context.database.transaction() as tx:
        await flow.unsubscribe(tx, link)
    return wire.Unsubscribed()


@get(_LINK, include_in_schema=False, opt={"is_public": True})
async def ask(request: Call, message_id: FromPath[str], token: FromPath[str]) -> Response[str]:
    """Opening the link changes nothing: scanners of mail open every link."""
    context: Context = request.app.state.context
    try:
        link = flow.link_of(context.crypto, message_id, token)
        sender = await _service(context, link.service_id)
    except LinkNotValid as error:
        return pages.does_not_work(error.text)
    return pages.ask(sender, f"/unsubscribe/{link.message_id}/{token}/confirm")


@post(
    f"{_LINK}/confirm",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=_MOST_BODY_BYTES,
    opt={"is_public": True},
)
async def confirm(request: Call, message_id: FromPath[str], token: FromPath[str]) -> Response[str]:
    """The page's own button."""
    context: Context = request.app.state.context
    try:
        link = flow.link_of(context.crypto, message_id, token)
        sender = await _service(context, link.service_id)
        async with context.database.transaction() as tx:
            await flow.unsubscribe(tx, link)
    except LinkNotValid as error:
        return pages.does_not_work(error.text)
    return pages.done(sender)


def _older_than(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise InvalidInput([{"field": "older_than", "message": "is not a valid UUID"}]) from None


def _mode(request: Call) -> str:
    mode = str(request.query_params.get("mode", "live"))
    if mode not in ("live", "test"):
        raise InvalidInput([{"field": "mode", "message": "must be live or test"}])
    return mode


@get("/v1/unsubscribe-requests", operation_id="ListUnsubscribeRequests", tags=_TAGS)
async def list_requests(request: Call) -> wire.UnsubscribeRequests:
    """Who asked to be written to no more, newest first, 250 a page; `older_than` an id of the page before."""
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    require(who, "notify:read")
    service = await service_for(who, request, context)
    mode = who.mode if isinstance(who, ServiceKey) else _mode(request)
    older_than = _older_than(request.query_params.get("older_than"))
    async with context.database.reading() as tx:
        rows = await flow.list_requests(tx, service.id, mode, older_than=older_than, limit=flow.PAGE)
    shown = [
        wire.UnsubscribeRequest(
            id=row.id,
            message_id=row.message_id,
            template_id=row.template_id,
            template_version=row.template_version,
            created_at=row.created_at,
        )
        for row in rows
    ]
    return wire.UnsubscribeRequests(shown, next=rows[-1].id if len(rows) == flow.PAGE else None)


ROUTES = [unsubscribe, ask, confirm, list_requests]
