"""Notify's API, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar

from common.db import Database
from common.db.group_commit import GroupCommit
from common.errors import NotFound, ServiceError
from common.http.app import App, build_app
from common.http.limits import Limits
from common.http.refusals import MethodNotAllowed, RouteNotFound
from common.queue import Doorbell
from services.notify.configuration.api import ROUTES as CONFIGURATION
from services.notify.context import Context
from services.notify.errors import app_body, refusal_body, v2_body
from services.notify.health import flow as health
from services.notify.messages import store as message_store
from services.notify.messages.accept import Acceptor
from services.notify.messages.api import ROUTES as MESSAGES
from services.notify.messages.api import short_cuts
from services.notify.openapi import describe
from services.notify.operations.api import ROUTES as OPERATIONS
from services.notify.receipts import flow as receipt_flow
from services.notify.receipts.api import ROUTES as RECEIPTS
from services.notify.settings import ApiSettings
from services.notify.templates.api import ROUTES as TEMPLATES
from services.notify.unsubscribe.api import ROUTES as UNSUBSCRIBE

VERSION = "2.0"
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and "
    "try again."
)
_WRONG_METHOD = "The method is not allowed for the requested URL."

# what the original sends with every answer (contract section 1.1)
_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Content-Type,Authorization",
    "access-control-allow-methods": "GET,PUT,POST,DELETE",
    "x-frame-options": "SAMEORIGIN",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "cache-control": "no-store, no-cache, private, must-revalidate",
    "cross-origin-resource-policy": "",
}
# of no use on JSON that is never shown as a page, and each header costs the hot path
_JSON_ONLY = {"cross-origin-opener-policy": "", "referrer-policy": "", "content-security-policy": ""}


class V2Family:
    """Errors under /v2 as Notify's contract says them."""

    def render(self, error: BaseException, scope: Any) -> tuple[int, bytes, dict[str, str]]:
        headers = {"content-type": "application/json"}
        if isinstance(error, RouteNotFound):
            return 404, app_body(_NOT_FOUND), headers
        if isinstance(error, MethodNotAllowed):
            return 405, app_body(_WRONG_METHOD), {**error.headers, **headers}
        if isinstance(error, ServiceError):
            return error.status, refusal_body(error), {**error.headers, **headers}
        return 500, v2_body(500, type(error).__name__, ["Internal server error"]), headers


class UnsubscribeFamily(V2Family):
    """Errors of the one-click route: `{"result": "error", "message": …}`."""

    def render(self, error: BaseException, scope: Any) -> tuple[int, bytes, dict[str, str]]:
        if isinstance(error, NotFound) and not isinstance(error, RouteNotFound):
            body = {"result": "error", "message": {"unsubscribe request": error.detail}}
            return 404, msgspec.json.encode(body), {"content-type": "application/json"}
        return super().render(error, scope)


def _open(settings: ApiSettings) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        database = Database(
            settings.database_url,
            pool_size=settings.database_pool_size,
            pgbouncer=settings.database_pgbouncer,
            application="notify-api",
        )
        async with database, Limits(settings.redis_url) as limits, Doorbell(settings.redis_url, "notify") as doorbell:

            def ring(drafts: Any) -> None:
                for lane in {draft.lane for draft in drafts if draft.scheduled_for is None}:
                    doorbell.ring(lane)

            context = Context(settings.notify, database, keys=settings.keys)
            messages = GroupCommit(database.connect, message_store.accept, after_commit=ring)
            receipts = GroupCommit(database.connect, receipt_flow.hear)
            await messages.open()
            await receipts.open()
            app.state.update(
                context=context,
                acceptor=Acceptor(context, limits, messages),
                receipts=receipts,
                receipts_token=settings.receipts_token,
                doorbell=doorbell,
            )
            try:
                yield
            finally:
                # what was accepted is finished before the connections go
                await messages.close()
                await receipts.close()

    return lifespan


def create_app(settings: ApiSettings) -> App:
    """Notify's API for these settings; `app.running()` opens it without a server."""
    app = build_app(
        name="notify",
        title="Colonnade Notify",
        version=VERSION,
        settings=settings,
        route_handlers=[*MESSAGES, *TEMPLATES, *CONFIGURATION, *UNSUBSCRIBE, *RECEIPTS, *OPERATIONS],
        families={"/v2": V2Family(), "/unsubscribe": UnsubscribeFamily()},
        lifespan=[_open(settings)],
        extra_headers={"/v2": {**_HEADERS, **_JSON_ONLY}, "/unsubscribe": _HEADERS},
        finish_openapi=describe,
        checks=health.checks(lambda: app.state.context.database),
        short_cuts=short_cuts,
        status_is_root=True,
    )
    return app
