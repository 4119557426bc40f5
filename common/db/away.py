"""What it looks like when the database is away: no fault of the request's or the job's, and it passes."""

from __future__ import annotations

from typing import Final

import asyncpg

from common.errors import Unavailable

# Lost, ended (in order or by a crash), starting, full, or a standby since a fail-over.
SERVER_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    # what asyncpg says when the server ended a connection just as it was used
    asyncpg.InternalClientError,
)
# OSError and TimeoutError mean this only around a call to the database; Unavailable is what the pool makes of them.
AWAY: Final = (*SERVER_AWAY, OSError, TimeoutError, Unavailable)
