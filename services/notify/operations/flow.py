"""Watch the work list; replay what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from common.audit import Action, Actor, record
from common.db import Tx
from common.queue import WorkList
from services.notify.delivery import store as delivery_store

WORK = WorkList("notify")


async def replay(
    tx: Tx,
    who: Actor,
    *,
    ids: Sequence[UUID] | None,
    topic: str | None,
    limit: int,
    service_id: UUID | None = None,
) -> int:
    """Put given-up work back, its messages waiting again; gives how many. Audited.

    service_id: only that service's work; None is for operators of the whole platform.
    Work whose message is past retention goes back too and ends there, finding nothing to send.
    """
    back = await WORK.replay(tx, ids=ids, topic=topic, service_id=service_id, limit=limit)
    if back:
        await delivery_store.reopen(tx, back)
        await record(
            tx,
            "notify",
            action=Action.WORK_REPLAY,
            who=who,
            subject_id=str(back[0]),
            service_id=service_id,
            after={"count": len(back)},
        )
    return len(back)
