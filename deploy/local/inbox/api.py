"""The inbox for scripts: JSON lists of what arrived, and the text gateway's three calls."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.exceptions import HTTPException
from litestar.params import Parameter

from deploy.local.inbox.archive import LIMIT, Archive
from deploy.local.inbox.gateway import Answer, Gateway, text_of
from deploy.local.inbox.mail import open_email
from deploy.local.inbox.messages import Channel, Kept, first, is_for, of_channel

AnyRequest = Request[Any, Any, Any]
_MOST_GATEWAY_BYTES = 64 * 1024
_NOT_KNOWN = Answer(401, {"code": "unauthorised", "detail": "show the gateway's key as a Bearer token"})


class Shown(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A message as scripts see it. subject, html: None for a text; raw: an e-mail's source, or a text's JSON call."""

    id: str
    channel: Channel
    to: str
    sender: str
    subject: str | None
    text: str | None
    html: str | None
    raw: str
    received_at: str


def shown(kept: Kept, raw: bytes) -> Shown:
    """Open a kept message for a script."""
    source = raw.decode("utf-8", "replace")
    at = kept.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if kept.channel == "sms":
        return Shown(kept.id, "sms", kept.to, kept.sender, None, text_of(raw), None, source, at)
    opened = open_email(raw)
    subject = opened.headers.get("Subject")
    return Shown(kept.id, "email", kept.to, kept.sender, subject, opened.text, opened.html, source, at)


@get("/api/messages")
async def list_messages(
    archive: Archive,
    to: str | None = None,
    channel: Channel | None = None,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT)] = 50,
) -> list[Shown]:
    """What arrived, newest first."""
    wanted = of_channel(archive.newest_first(), channel)
    if to:
        wanted = (kept for kept in wanted if is_for(kept, to))
    found = []
    for kept in first(wanted, limit):
        raw = await archive.raw(kept.id)
        if raw is not None:  # None: emptied meanwhile
            found.append(shown(kept, raw))
    return found


@get("/api/messages/{message:str}")
async def read_message(archive: Archive, message: str) -> Shown:
    """One message."""
    kept = archive.find(message)
    raw = await archive.raw(message)
    if kept is None or raw is None:
        raise HTTPException("There is no such message in the inbox.", status_code=404)
    return shown(kept, raw)


@delete("/api/messages")
async def empty_inbox(archive: Archive) -> None:
    """Remove everything."""
    await archive.empty()


@get("/_status")
async def tell_status(archive: Archive) -> dict[str, str | int]:
    """Say that the inbox is up, and how much it keeps."""
    return {"status": "ok", "messages": len(archive)}


def _response(answer: Answer) -> Response[dict[str, str]]:
    headers = {} if answer.retry_after_s is None else {"Retry-After": str(answer.retry_after_s)}
    return Response(answer.body, status_code=answer.status, headers=headers)


@post("/messages")
async def send_text(request: AnyRequest, gateway: Gateway) -> Response[dict[str, str]]:
    """Accept a text for delivery."""
    if not gateway.is_known(request.headers.get("Authorization")):
        return _response(_NOT_KNOWN)
    return _response(await gateway.send(await request.body(), request.headers.get("Idempotency-Key")))


@get("/messages/{message:str}")
async def ask_about_text(request: AnyRequest, gateway: Gateway, message: str) -> Response[dict[str, str]]:
    """Tell what became of a text."""
    if not gateway.is_known(request.headers.get("Authorization")):
        return _response(_NOT_KNOWN)
    return _response(gateway.status_of(message))


api = Router("/", route_handlers=[list_messages, read_message, empty_inbox, tell_status])
gateway_api = Router("/gateway", route_handlers=[send_text, ask_about_text], request_max_body_size=_MOST_GATEWAY_BYTES)
