"""The web application: pages, API and text gateway behind one shield."""

from __future__ import annotations

import logging
from http import HTTPStatus

from litestar import Litestar, Response
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from deploy.local.inbox.api import AnyRequest, api, gateway_api
from deploy.local.inbox.archive import Archive
from deploy.local.inbox.gateway import Gateway
from deploy.local.inbox.pages import page, pages
from deploy.local.inbox.shield import Shield

log = logging.getLogger("inbox.web")
_FOR_SCRIPTS = ("/api/", "/gateway/", "/new", "/_status")


def _fault(request: AnyRequest, status: int, detail: str) -> Response[object]:
    title = HTTPStatus(status).phrase
    if f"{request.url.path}/".startswith(_FOR_SCRIPTS):
        code = title.lower().replace(" ", "-")
        return Response({"code": code, "detail": detail}, status_code=status, media_type="application/json")
    answer: Response[object] = page("error.html", status=status, title=title, detail=detail)  # type: ignore[assignment]
    return answer


def _refused(request: AnyRequest, error: HTTPException) -> Response[object]:
    """Show a refusal without its path or values."""
    detail = error.detail if error.status_code in (403, 404) else HTTPStatus(error.status_code).phrase
    return _fault(request, error.status_code, detail)


def _broken(request: AnyRequest, error: Exception) -> Response[object]:
    """Show that the fault is ours and log where it happened."""
    log.error("fault while serving a request", exc_info=error)
    return _fault(request, 500, "The inbox made a mistake. Its output says where.")


def build_app(archive: Archive, gateway: Gateway) -> ASGIApp:
    """The inbox as one ASGI application."""

    def give_archive() -> Archive:
        return archive

    def give_gateway() -> Gateway:
        return gateway

    config = AppConfig(
        route_handlers=[pages, api, gateway_api],
        dependencies={
            "archive": Provide(give_archive, sync_to_thread=False),
            "gateway": Provide(give_gateway, sync_to_thread=False),
        },
        exception_handlers={HTTPException: _refused, Exception: _broken},
        openapi_config=None,
        logging_config=None,
    )
    return Shield(Litestar.from_config(config))
