"""The yardstick of the accept path: a bare typed POST under the same server and flags as our programs."""

from __future__ import annotations

import msgspec
from litestar import Litestar, post

from common.http.server import serve
from common.http.settings import ServerSettings
from common.settings import load_or_exit


class Name(msgspec.Struct):
    """Whom to greet."""

    name: str


class Greeting(msgspec.Struct):
    """The answer."""

    message: str


@post("/hello")
async def hello(data: Name) -> Greeting:
    """Greet."""
    return Greeting(f"Hello {data.name}")


def create_app() -> Litestar:
    """No middleware, no documentation, no logging: what Litestar itself costs."""
    return Litestar([hello], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    settings = load_or_exit(ServerSettings)
    serve(create_app, name="Hello", host=settings.host, port=settings.port, settings=settings)
