"""Which service a call works on, known to exist."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.datastructures import State

from common.auth import Principal, ServiceKey
from common.auth.directory import Nobody
from common.auth.principals import Service
from common.errors import NotFound
from services.notify.callers import service_of
from services.notify.context import Context


async def service_for(who: Principal, request: Request[Any, Any, State], context: Context) -> Service:
    """The key's own service, or the one that an operator names. Raises NotFound, ServiceNotNamed, OtherService."""
    if isinstance(who, ServiceKey):
        return who.service
    known = await context.directory.services.get(service_of(who, request))
    if isinstance(known, Nobody):
        raise NotFound("There is no such service.")
    return known.service
