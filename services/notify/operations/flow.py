"""Watch the work list; replay what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from common.audit import Action, Actor, record
from common.db import Tx
from common.queue import WorkList
from services.notify.delivery import store as delivery_store

WORK = WorkList("notify")


async def replay(tx: Tx, who: Actor, *, ids: Sequence[UUID] | None, topic: str | None, limit: int) -> int:
    """Put given-up work back, its messages waiting again; gives how many. Audited.

    Work whose message is past retention goes back too and ends there, finding nothing to send.
    """
    dead = await WORK.dead(tx, limit=limit, topic=topic) if ids is None else []
    chosen = list(ids) if ids is not None else [d.id for d in dead]
    if not chosen:
        return 0
    await delivery_store.reopen(tx, chosen, topic)
    count = await WORK.replay(tx, ids=chosen, topic=topic, limit=limit)
    if count:
        await record(
            tx, "notify", action=Action.WORK_REPLAY, who=who, subject_id=str(chosen[0]), after={"count": count}
        )
    return count
