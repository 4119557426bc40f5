"""The checks of the full /_status; each raises when a part is not well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from common import clock
from common.db import Database
from services.notify.health import store


class NoPartitionAhead(Exception):
    """Messages of next week could not be stored: `colonnade migrate`, or a worker, makes partitions."""


def checks(database: Callable[[], Database]) -> dict[str, Callable[[], Awaitable[object]]]:
    """Name → check. `database`: asked for at each call, since the program opens it after it is built."""

    async def db_version() -> object:
        async with database().reading() as tx:
            return await store.version(tx)

    async def partitions_until() -> object:
        async with database().reading() as tx:
            last = await store.last_partition(tx)
        year, week, _ = clock.now().isocalendar()
        if last <= f"{year}w{week:02d}":
            raise NoPartitionAhead
        return last

    # one database behind both, as in the original's answer
    return {"db_version": db_version, "db_bulk_version": db_version, "partitions_until": partitions_until}
