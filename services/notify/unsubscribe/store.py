"""The SQL of unsubscribe requests."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from common.db import Tx, many
from services.notify.unsubscribe.rules import Link


class RequestRow(Struct, frozen=True):
    """Someone asked a service to write no more. Who it was, the message tells while it is kept."""

    id: UUID
    message_id: UUID
    template_id: UUID
    template_version: int
    created_at: datetime


# one request a message: mail programs, and people, press twice
_ADD = """
insert into notify.unsubscribe_requests (id, service_id, mode, message_id, template_id, template_version,
    recipient_index, created_at)
values ($1, $2, $3, $4, $5, $6, (select recipient_index from notify.messages where id = $4 and service_id = $2), $7)
on conflict (service_id, mode, message_id) do nothing
"""
_LIST = """
select id, message_id, template_id, template_version, created_at
from notify.unsubscribe_requests
where service_id = $1
  and mode = $2
  and id < $3
order by id desc
limit $4
"""
_LAST = UUID(int=(1 << 128) - 1)


async def add(tx: Tx, link: Link, request_id: UUID, at: datetime) -> None:
    """Keep a request, unless the message has one already."""
    await tx.execute(
        _ADD, request_id, link.service_id, link.mode, link.message_id, link.template_id, link.template_version, at
    )


async def page(tx: Tx, service_id: UUID, mode: str, *, older_than: UUID | None, limit: int) -> list[RequestRow]:
    """A service's requests, newest first. older_than: a request's id, exclusive."""
    return await many(tx, RequestRow, _LIST, service_id, mode, older_than or _LAST, limit)
