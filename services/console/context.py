"""What the console's handlers work with, and who calls them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request
from litestar.datastructures import State

from common.audit import Actor
from common.auth import Authenticator, Operator, Principal, ServiceKey
from common.auth.directory import Directory
from common.auth.principals import require
from common.crypto import Crypto
from common.db import Database
from common.errors import NotFound
from common.http.edge import name_caller
from services.console.settings import ConsoleSettings

Call = Request[Any, Any, State]


class Context:
    """One for each process."""

    def __init__(self, settings: ConsoleSettings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.crypto = Crypto(settings.keys)
        self.authenticator = Authenticator(Directory(database, self.crypto), audience="console")


def context_of(request: Call) -> Context:
    context: Context = request.app.state.context
    return context


def _address(request: Call) -> str | None:
    client = request.scope.get("client")
    return client[0] if client else None


async def allowed(request: Call, service_id: UUID, scope: str) -> Principal:
    """The caller, who holds the scope and may reach this service.

    Raises common.auth.Refused and RefusedUnread, ScopeMissing, NotFound: another's service is not even confirmed.
    """
    context = context_of(request)
    who = await context.authenticator.authenticate(request.headers.get("authorization"), _address(request))
    if isinstance(who, ServiceKey):
        name_caller(request.scope, service_id=str(who.service_id), key_id=str(who.key_id))
    else:
        name_caller(request.scope, operator_id=who.operator)
    require(who, scope)
    if who.service_id not in (service_id, None):
        raise NotFound("There is no such service.")
    return who


def actor(who: Principal, request: Call) -> Actor:
    """The caller as the audit log names them."""
    if isinstance(who, Operator):
        return Actor("operator", who.operator, _address(request))
    return Actor("key", str(who.key_id), _address(request))
