"""A small program for the tests of the server: run as a script, stopped by a signal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, get

from common.http.app import App, build_app
from common.http.server import serve
from common.http.settings import ServerSettings


@get("/slow")
async def slow() -> str:
    print("slow began", flush=True)
    await asyncio.sleep(0.5)
    return "done"


@get("/pid")
async def pid() -> int:
    return os.getpid()


@get("/die")
async def die() -> None:
    os._exit(7)


@asynccontextmanager
async def life(_: Litestar) -> AsyncIterator[None]:
    if "broken" in sys.argv:
        raise RuntimeError("the cellar is flooded")
    yield
    print("closed", flush=True)


def main() -> None:
    settings = ServerSettings(
        database_url="postgres://none",
        redis_url="redis://none",
        keys="{}",
        shutdown_grace_s=5,
        log_level="info",
        processes=int(sys.argv[2]),
    )

    def make() -> App:
        return build_app(
            name="sample",
            title="Sample",
            version="1",
            settings=settings,
            route_handlers=[slow, pid, die],
            lifespan=[life],
        )

    serve(make, name="sample", host="127.0.0.1", port=int(sys.argv[1]), settings=settings)


if __name__ == "__main__":
    main()
