"""/_status and /metrics: for load balancers, people and Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import structlog
from litestar import Response, get, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Schema
from litestar.params import QueryParameter

from common.http.metrics import exposition
from common.http.settings import ServerSettings
from common.settings import CommonSettings

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[object]]

_CHECK_TIMEOUT_S = 2.0


async def _outcome(name: str, check: Check) -> tuple[str, object, bool]:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return name, await check(), True
    except Exception as error:  # whatever is wrong with a part, the page must say so and not fall over
        log.warning("status.check_failed", check=name, error=type(error).__name__)
        return name, "unavailable", False


def _build(settings: CommonSettings) -> dict[str, str]:
    if isinstance(settings, ServerSettings):
        return {"git_commit": settings.git_commit, "build_time": settings.build_time}
    return {"git_commit": "unknown", "build_time": "unknown"}


def status_routes(
    settings: CommonSettings, checks: Mapping[str, Check], *, is_root: bool = False
) -> list[HTTPRouteHandler]:
    """`/_status` and `/metrics`. A check's answer is shown under its name; one that raises turns the page to 503."""
    build = _build(settings)

    @route(
        ["/", "/_status"] if is_root else "/_status",
        http_method=[HttpMethod.GET, HttpMethod.POST],
        status_code=200,
        tags=["status"],
        summary="Whether the program and what it stands on are well",
        operation_id=_status_operation,
    )
    async def status(
        simple: Annotated[
            str | None, QueryParameter(description="Any value: say only whether the program answers.")
        ] = None,
    ) -> Response[dict[str, Any]]:
        if simple:
            return Response({"status": "ok"})
        outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in checks.items()))
        is_well = all(ok for _, _, ok in outcomes)
        shown = {"status": "ok" if is_well else "error", **build, **{name: value for name, value, _ in outcomes}}
        return Response(shown, status_code=200 if is_well else 503)

    @get("/metrics", include_in_schema=False, sync_to_thread=False)
    def metrics() -> Response[bytes]:
        text, media_type = exposition()
        return Response(text, headers={"content-type": media_type})

    return [status, metrics]


def _status_operation(_handler: object, method: object, path: object) -> str:
    where = "root_status" if path in ([], "", "/") else "status"
    return f"{str(getattr(method, 'value', method)).lower()}_{where}"


def unavailable_response() -> OpenAPIResponse:
    """What /_status answers when a check fails, for the OpenAPI document."""
    schema = Schema(type=OpenAPIType.OBJECT, properties={"status": Schema(type=OpenAPIType.STRING, const="error")})
    return OpenAPIResponse(
        description="Something it stands on is not well", content={"application/json": OpenAPIMediaType(schema=schema)}
    )
