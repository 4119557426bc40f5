"""Group commit: many requests, one transaction, no timer.

A lane holds one connection. A request puts its row on the lane's bounded queue and awaits a future; whenever the lane
is free it takes what is waiting, writes it in one transaction and answers all. Measured: waiting even 2 ms for company
halves the rate, so the lane never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg
import structlog

from common.db.away import AWAY
from common.errors import Unavailable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Flush = Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Sequence[Answer]]]

_LARGEST_GROUP = 500
_LONGEST_QUEUE = 5_000


def _is_a_rows_fault(error: asyncpg.PostgresError) -> bool:
    """Data exceptions and broken constraints; a read-only server, a full disk, a missing partition are no row's."""
    state = error.sqlstate or ""
    return state[:2] in ("22", "23") and "no partition of relation" not in str(error)


class GroupCommit(Generic[Item, Answer]):
    """A lane. `flush(connection, items)` stores a group whole or not at all and answers items in their order.

    One statement is a transaction by itself, which spares two round trips a group; more than one open their own.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        flush: Flush[Item, Answer],
        *,
        after_commit: Callable[[Sequence[Item]], None] | None = None,
        largest_group: int = _LARGEST_GROUP,
        longest_queue: int = _LONGEST_QUEUE,
    ) -> None:
        self._connect = connect
        self._flush = flush
        self._after_commit = after_commit
        self._largest_group = largest_group
        self._longest_queue = longest_queue
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._wake = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def open(self) -> None:
        self._connection = await self._connect()
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def close(self) -> None:
        """Finish what was accepted, then stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._drop_connection()

    def put(self, item: Item) -> asyncio.Future[Answer]:
        """Queue a row; the future gives its answer once it is committed. Raises Unavailable when the queue is full."""
        if self._closing or len(self._waiting) >= self._longest_queue:
            raise Unavailable("Too much is waiting to be stored.", headers={"Retry-After": "1"})
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._wake.set()
        return future

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest_group))]
            # those who gave up before their turn are not stored
            group = [(item, future) for item, future in group if not future.done()]
            if group:
                await self._store(group)

    async def _store(self, group: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            connection = await self._connected()
            answers = await self._flush(connection, [item for item, _ in group])
            pairs = list(zip(group, answers, strict=True))
        except AWAY as error:
            # its fate may be unknown, so nobody is retried behind their back; the next group has a new connection
            log.warning("group_commit.connection_lost", error=type(error).__name__, group=len(group))
            await self._drop_connection()
            self._fail(group, Unavailable("The database cannot be reached.", headers={"Retry-After": "1"}))
        except asyncpg.PostgresError as error:
            if _is_a_rows_fault(error):
                await self._bisect(group, error)
            else:
                log.error("group_commit.refused", sqlstate=error.sqlstate, group=len(group))
                self._fail(group, Unavailable("The database cannot take this now.", headers={"Retry-After": "1"}))
        except Exception as error:  # a fault of ours must not kill the lane
            log.exception("group_commit.flush_failed", group=len(group))
            await self._drop_connection()
            self._fail(group, error)
        else:
            for (_, future), answer in pairs:
                if not future.done():
                    future.set_result(answer)
            self._tell([item for item, _ in group])

    def _tell(self, items: Sequence[Item]) -> None:
        """Committed is committed: what follows from it may fail without harm to the lane."""
        if self._after_commit is None:
            return
        try:
            self._after_commit(items)
        except Exception:
            log.exception("group_commit.after_commit_failed")

    async def _bisect(self, group: list[tuple[Item, asyncio.Future[Answer]]], error: asyncpg.PostgresError) -> None:
        """One bad row poisons its group: halve until only the bad row fails."""
        if len(group) == 1:
            log.error("group_commit.bad_row", sqlstate=error.sqlstate)
            self._fail(group, error)
            return
        middle = len(group) // 2
        await self._store(group[:middle])
        await self._store(group[middle:])

    @staticmethod
    def _fail(group: list[tuple[Item, asyncio.Future[Answer]]], error: BaseException) -> None:
        for _, future in group:
            if not future.done():
                future.set_exception(error)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*AWAY, asyncpg.PostgresError):
                await connection.close(timeout=2)
