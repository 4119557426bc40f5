"""Who calls a route of Notify, for which service, and how the audit log names them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request
from litestar.datastructures import State
from litestar.types import Scope

from common.audit import Action, Actor, record
from common.auth import Operator, Principal, ServiceKey
from common.db import Tx
from common.errors import BadRequest, Forbidden
from common.http.edge import name_caller
from services.notify.context import Context, authenticate


async def caller(scope: Scope, context: Context) -> Principal:
    """The caller, named (ids only) for the access log. Raises common.auth.Refused and RefusedUnread."""
    who = await authenticate(scope, context)
    if isinstance(who, ServiceKey):
        name_caller(scope, service_id=str(who.service_id), key_id=str(who.key_id))
    else:
        name_caller(scope, operator_id=who.operator)
    return who


class ServiceNotNamed(BadRequest):
    """An operator's token for all services needs the service named."""

    status, kind = 400, "service-not-named"


class OtherService(Forbidden):
    """The token is for another service."""

    status, kind = 403, "other-service"


def service_of(who: Principal, request: Request[Any, Any, State]) -> UUID:
    """The service a call is about: the key's own, or for operators the token's or `?service_id=`."""
    if isinstance(who, ServiceKey):
        return who.service_id
    named = request.query_params.get("service_id")
    if named is None:
        if who.service_id is None:
            raise ServiceNotNamed("Name the service with ?service_id=.")
        return who.service_id
    try:
        service_id = UUID(named)
    except ValueError:
        raise ServiceNotNamed("service_id is not a valid UUID") from None
    if who.service_id is not None and who.service_id != service_id:
        raise OtherService("The token is for another service.")
    return service_id


def actor(who: Principal, request: Request[Any, Any, State]) -> Actor:
    """The caller as the audit log names them."""
    client = request.scope.get("client")
    source = client[0] if client else None
    if isinstance(who, Operator):
        return Actor(kind="operator", id=who.operator, source=source)
    return Actor(kind="key", id=str(who.key_id), source=source)


async def audit_reading(
    tx: Tx, who: Operator, request: Request[Any, Any, State], service_id: UUID, message_id: UUID | None
) -> None:
    """An operator read people's data: one message, or (None) a list of them."""
    await record(
        tx,
        "notify",
        action=Action.NOTIFY_MESSAGE_READ,
        who=actor(who, request),
        service_id=service_id,
        subject_id=str(message_id or service_id),
    )
