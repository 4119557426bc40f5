"""Where providers post receipts (protocol: docs/sms-gateway.md)."""

from __future__ import annotations

import hmac
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.datastructures import State

from common.auth import Why
from common.auth.bearer import Refused, RefusedUnread
from common.db.group_commit import GroupCommit
from common.errors import InvalidInput, NotFound
from services.notify.messages.states import REPORTABLE
from services.notify.receipts.flow import Heard
from services.notify.receipts.store import Receipt


class ReceiptBody(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's report. `accepted` confirms what we know and moves nothing."""

    id: UUID
    status: Literal["accepted", "pending", "delivered", "permanent-failure", "temporary-failure"]
    provider_reference: str | None = None
    at: str | None = None


class MessageUnknown(NotFound):
    """There is no such message (perhaps not yet: come again later)."""

    status, kind, title = 404, "message-unknown", "There is no such message"


_decode = msgspec.json.Decoder(ReceiptBody).decode


def _check_token(request: Request[Any, Any, State]) -> None:
    expected: str | None = request.app.state.receipts_token
    given = request.headers.get("authorization", "")
    if not given:
        raise RefusedUnread(Why.MISSING)
    if not expected or not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise Refused(Why.KEY_UNKNOWN)


async def _hear(request: Request[Any, Any, State]) -> None:
    _check_token(request)
    try:
        body = _decode(await request.body())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput([{"field": "body", "message": str(error)}]) from error
    status = body.status if body.status in REPORTABLE else "created"  # nothing moves to created by a receipt
    lane: GroupCommit[Receipt, Heard] = request.app.state.receipts
    if await lane.put(Receipt(body.id, status, (body.provider_reference or None))) == "unknown":
        raise MessageUnknown("There is no message of this id.")


@post("/v1/receipts/text", status_code=204, operation_id="ReceiveTextReceipt", tags=["Receipts"])
async def receive_text_receipt(request: Request[Any, Any, State]) -> None:
    """A gateway reports on a text."""
    await _hear(request)


@post("/v1/receipts/email", status_code=204, operation_id="ReceiveEmailReceipt", tags=["Receipts"])
async def receive_email_receipt(request: Request[Any, Any, State]) -> None:
    """A relay reports on an e-mail."""
    await _hear(request)


ROUTES = [receive_text_receipt, receive_email_receipt]
