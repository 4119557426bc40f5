"""A claim in hand: its leases are renewed while it is worked on, and what was not begun is given back at a fault.

A lease can be short (a killed worker's claim is soon free for others) although a slow provider may keep a batch for
many minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import structlog

from common.db import Database
from common.db.away import AWAY
from common.queue.claim import Work
from common.queue.work import WorkList

log = structlog.get_logger(__name__)

_RENEWALS_A_LEASE = 3
_LAST_WORDS_S = 5  # for a batch that ends early to give back what it holds


class Hold:
    """The works of a claim with the leases they have now.

    turn: whoever marks, finishes or moves works takes it, so that no renewal changes their leases underneath.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = {work.id: work for work in works}
        self.turn = asyncio.Lock()

    def now(self, works: Iterable[Work]) -> list[Work]:
        """These works with the leases of this moment; call it inside `turn`."""
        return [self._works.get(work.id, work) for work in works]

    def settle(self, works: Iterable[Work]) -> None:
        """These are done, moved or buried: no longer held."""
        for work in works:
            self._works.pop(work.id, None)

    def held(self) -> list[Work]:
        return list(self._works.values())

    def keep(self, renewed: dict[UUID, Work]) -> None:
        """What a renewal gave; the others are lost to another worker, whose mark and end fail by themselves."""
        self._works.update(renewed)


@asynccontextmanager
async def holding(
    database: Database, work_list: WorkList, works: Sequence[Work], *, lease_s: float
) -> AsyncIterator[Hold]:
    """Work on a claim. Ended by an exception or a cancel, what was not begun is free for others at once."""
    hold = Hold(works)
    renewing = asyncio.create_task(_renew(database, work_list, hold, lease_s), name="lease-renewal")
    try:
        yield hold
    except BaseException:
        renewing.cancel()
        # if the database is away as well, the leases run out by themselves
        with contextlib.suppress(asyncpg.PostgresError, *AWAY):
            await asyncio.shield(_give_back(database, work_list, hold))
        raise
    finally:
        renewing.cancel()


async def _renew(database: Database, work_list: WorkList, hold: Hold, lease_s: float) -> None:
    while True:
        await asyncio.sleep(lease_s / _RENEWALS_A_LEASE)
        try:
            async with hold.turn, database.transaction() as tx:
                hold.keep(await work_list.renew(tx, hold.held(), lease_s=lease_s))
        except (asyncpg.PostgresError, *AWAY) as error:
            log.warning("queue.renewal_failed", error=type(error).__name__)


async def _give_back(database: Database, work_list: WorkList, hold: Hold) -> None:
    async with asyncio.timeout(_LAST_WORDS_S), hold.turn, database.transaction() as tx:
        await work_list.release(tx, hold.held())
