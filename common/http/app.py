"""`build_app`: the one way to make a program that serves HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPI
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send

from common import log
from common.http.edge import Edge, HeaderSets, ShortCuts
from common.http.families import ErrorFamily, Families
from common.http.reference import Description, openapi_config, reference_routes
from common.http.status import status_routes
from common.log import AccessLog
from common.settings import CommonSettings

_MOST_BODY_BYTES = 1024 * 1024

Lifespan = Callable[[Litestar], Any]


class App:
    """A built program: call it as ASGI, or open it with `running()` in tests and tools."""

    def __init__(self, name: str, litestar: Litestar, edge: Edge, description: Description) -> None:
        self.name = name
        self.litestar = litestar
        self._edge = edge
        self._description = description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._edge(scope, receive, send)

    @property
    def state(self) -> State:
        return self.litestar.state

    @asynccontextmanager
    async def running(self) -> AsyncIterator[App]:
        """The program between start and orderly end, without a server."""
        await self._edge.open()
        try:
            yield self
        finally:
            await self._edge.close()

    def openapi(self) -> bytes:
        return self._description.as_json()


def build_app(
    *,
    name: str,
    title: str,
    version: str,
    settings: CommonSettings,
    route_handlers: Sequence[ControllerRouterHandler],
    families: Mapping[str, ErrorFamily] | None = None,
    lifespan: Sequence[Lifespan] = (),
    checks: Mapping[str, Callable[[], Awaitable[object]]] | None = None,
    state: Mapping[str, Any] | None = None,
    max_body_bytes: int = _MOST_BODY_BYTES,
    extra_headers: Mapping[str, Mapping[str, str]] | None = None,
    finish_openapi: Callable[[OpenAPI], None] | None = None,
    dependencies: Mapping[str, Any] | None = None,
    short_cuts: Callable[[State], ShortCuts] | None = None,
    status_is_root: bool = False,
    **options: Any,
) -> App:
    """A program with what all programs share: error forms, trace, headers, body limit, status, figures, reference.

    families: path prefix → wire form of errors, also where no route is; the longest prefix wins, else problem+json.
    lifespan: `(Litestar) -> async context manager`, opened in order, closed in reverse after the last answer.
    checks: name → coroutine function for the full /_status; its value is shown, an exception answers 503.
    max_body_bytes: for every route that does not set `request_max_body_size` itself.
    extra_headers: path prefix → headers that replace the security headers there; an empty value leaves one out.
    finish_openapi: last touch on the OpenAPI document (schemas of routes that read the raw body).
    short_cuts: answers for the hottest routes that skip Litestar's layers (20 % of a request); the same routes stand
        among route_handlers with the same flow behind them, for their documentation.
    status_is_root: `/` answers as /_status does (for an API without a page of its own there).
    options: anything else that Litestar takes.
    """
    log.configure(settings)
    forms = Families(families or {})
    description = Description(forms, finish_openapi)
    litestar = Litestar(
        route_handlers=[
            *route_handlers,
            *status_routes(settings, checks or {}, is_root=status_is_root),
            *reference_routes(description),
        ],
        exception_handlers={Exception: forms.handle},
        lifespan=list(lifespan),
        state=State({"settings": settings, **(state or {})}),
        dependencies=dict(dependencies or {}),
        request_max_body_size=max_body_bytes,
        openapi_config=openapi_config(title, version),
        logging_config=None,
        debug=False,
        **options,
    )
    description.describe(litestar)
    headers = HeaderSets(extra_headers or {})
    hot = short_cuts(litestar.state) if short_cuts is not None else {}
    edge = _edge(litestar, forms, headers, settings, max_body_bytes=max_body_bytes, short_cuts=hot)
    return App(name, litestar, edge, description)


def _edge(
    litestar: Litestar,
    families: Families,
    headers: HeaderSets,
    settings: CommonSettings,
    *,
    max_body_bytes: int,
    short_cuts: ShortCuts,
) -> Edge:
    return Edge(
        litestar,
        lifespan=litestar.lifespan(),
        families=families,
        headers=headers,
        access_log=AccessLog(settings),
        max_body_bytes=_largest_body(litestar, max_body_bytes),
        shutdown_grace_s=settings.shutdown_grace_s,
        short_cuts=short_cuts,
    )


def _largest_body(litestar: Litestar, most: int) -> int:
    """The edge stops what no route takes; Litestar then holds each route to its own limit."""
    handlers: list[HTTPRouteHandler] = [
        handler for route in litestar.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers
    ]
    return max([most, *(handler.resolve_request_max_body_size() or 0 for handler in handlers)])


def openapi_bytes(app: ASGIApp) -> bytes:
    """The OpenAPI document of a built program, as it is committed."""
    if not isinstance(app, App):
        raise TypeError("openapi_bytes takes what build_app gives")
    return app.openapi()
