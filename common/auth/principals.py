"""Who may call, once known."""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from common.errors import Forbidden

KeyType: TypeAlias = Literal["live", "team", "test"]
Mode: TypeAlias = Literal["live", "test"]
ServiceStatus: TypeAlias = Literal["trial", "live", "suspended", "archived"]


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    colour: str


class Service(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    status: ServiceStatus
    organisation: Organisation

    @property
    def is_trial(self) -> bool:
        return self.status == "trial"


class ServiceKey(msgspec.Struct, frozen=True, kw_only=True):
    """A service that calls with one of its API keys."""

    service: Service
    key_id: UUID
    key_name: str
    key_type: KeyType
    scopes: frozenset[str]

    @property
    def mode(self) -> Mode:
        return "test" if self.key_type == "test" else "live"

    @property
    def service_id(self) -> UUID:
        return self.service.id


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A person at the console (or the command line) with a short-lived token.

    service_id: the service the token is for; None when it is for all (claim `service` is `*`).
    """

    operator: str
    session_id: UUID
    service_id: UUID | None
    scopes: frozenset[str]


Principal: TypeAlias = ServiceKey | Operator


class ScopeMissing(Forbidden):
    """The credentials do not carry the scope that this route needs."""

    status, kind, title = 403, "scope-missing", "The key or token does not allow this"


def require(who: Principal, scope: str) -> None:
    """Raises ScopeMissing unless the caller holds the scope."""
    if scope not in who.scopes:
        raise ScopeMissing(f"This needs the scope {scope}.", scope=scope)
