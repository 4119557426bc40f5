"""Writing and reading a schema's audit log. It is append-only: the database refuses to change or delete an event."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from common import clock, ids
from common.audit.actions import Action
from common.audit.masking import mask
from common.db import Tx, many
from common.http.trace import current_trace_id
from common.log import mask as mask_text

ActorKind: TypeAlias = Literal["operator", "key", "command", "system"]

_RECORD = """
insert into {schema}.audit_events
       (id, at, action, organisation_id, service_id, actor_kind, actor, source, subject_id,
        before, after, reason, trace)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_LIST = """
select id, position, at, action, organisation_id, service_id, actor_kind, actor, source, subject_id,
       before, after, reason, trace
  from {schema}.audit_events
 where ($1::uuid is null or service_id = $1)
   and ($2::bigint is null or position {past} $2)
   and ($3::text is null or action = $3)
   and ($4::text is null or subject_id = $4)
 order by position {order}
 limit $5
"""


class Actor(msgspec.Struct, frozen=True):
    """Who did it.

    id: an operator's or a key's id, the account that ran a command, or the program's name; never an e-mail address.
    source: where it came from (network address, host), None if it has no meaning.
    """

    kind: ActorKind
    id: str
    source: str | None = None


class AuditEvent(msgspec.Struct, frozen=True):
    """One thing that was done. `position` grows within a schema; `before` and `after` are plain JSON."""

    id: UUID
    position: int
    at: datetime
    action: str
    organisation_id: UUID | None
    service_id: UUID | None
    actor_kind: str
    actor: str
    source: str | None
    subject_id: str
    before: Any
    after: Any
    reason: str | None
    trace: str | None


async def record(
    tx: Tx,
    schema: str,
    *,
    action: Action,
    who: Actor,
    subject_id: str | UUID,
    service_id: UUID | None = None,
    organisation_id: UUID | None = None,
    before: Any = None,
    after: Any = None,
    reason: str | None = None,
    trace: str | None = None,
) -> UUID:
    """Write an event in the transaction of the change it tells of; gives the event's id.

    before, after: what changed, as Structs or plain values; addresses and telephone numbers in them and in `reason`
    are masked. subject_id: an identifier: one that holds personal data is a mistake of the caller (ValueError).
    trace: the running request's or job's when not given.
    """
    subject = str(subject_id)
    if mask_text(subject) != subject or mask_text(who.id) != who.id:
        raise ValueError("an audit event names its subject and its actor by identifiers, not by an address or a number")
    event_id = ids.uuid7()
    await tx.execute(
        _RECORD.format(schema=schema),
        event_id,
        clock.now(),
        action.value,
        organisation_id,
        service_id,
        who.kind,
        who.id,
        who.source,
        subject,
        None if before is None else mask(before),
        None if after is None else mask(after),
        None if reason is None else mask_text(reason),
        trace or current_trace_id() or None,
    )
    return event_id


async def list_events(
    tx: Tx,
    schema: str,
    *,
    service_id: UUID | None = None,
    after_position: int | None = None,
    limit: int = 100,
    action: Action | None = None,
    subject_id: str | None = None,
    newest_first: bool = False,
) -> list[AuditEvent]:
    """A page of events. `after_position` is the position of the last event of the page before, in either order.

    service_id None: of all services, for operators only. Positions are drawn before the commit: who follows the newest
    end reads again from a few seconds back, or may miss an event that committed late.
    """
    past, order = ("<", "desc") if newest_first else (">", "asc")
    sql = _LIST.format(schema=schema, past=past, order=order)
    wanted = None if action is None else action.value
    return await many(tx, AuditEvent, sql, service_id, after_position, wanted, subject_id, limit)
