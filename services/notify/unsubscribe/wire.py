"""Unsubscribing on the wire: the contract's answers (1.1) and the list for services."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec


class Unsubscribed(msgspec.Struct, frozen=True):
    """The answer to one click."""

    result: str = "success"
    message: str = "Unsubscribe successful"


class UnsubscribeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Someone asked to be written to no more; GET /v2/notifications/{message_id} tells who, while it is kept."""

    id: UUID
    message_id: UUID
    template_id: UUID
    template_version: int
    created_at: datetime


class UnsubscribeRequests(msgspec.Struct, frozen=True):
    """A page, newest first. next: the `older_than` of the next page, null when this one is not full."""

    unsubscribe_requests: list[UnsubscribeRequest]
    next: UUID | None
