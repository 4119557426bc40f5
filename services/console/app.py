"""The console, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar

from common.db import Database
from common.http.app import App, build_app
from services.console.context import Context
from services.console.members.api import ROUTES as MEMBERS
from services.console.pages import ROUTES as PAGES
from services.console.settings import ConsoleSettings

VERSION = "1.0"


def _open(settings: ConsoleSettings, database: Database) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with database:
            app.state.update(context=Context(settings, database))
            yield

    return lifespan


def create_app(settings: ConsoleSettings) -> App:
    """The console for these settings; `app.running()` opens it without a server."""
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        pgbouncer=settings.database_pgbouncer,
        application="console",
    )

    async def look_at_database() -> str:
        async with database.reading() as tx:
            await tx.fetchval("select 1")
        return "ok"

    return build_app(
        name="console",
        title="Colonnade Console",
        version=VERSION,
        settings=settings,
        route_handlers=[*PAGES, *MEMBERS],
        lifespan=[_open(settings, database)],
        checks={"database": look_at_database},
    )
