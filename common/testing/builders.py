"""Things that tests need to stand on, made through the same flows as the command line uses."""

from __future__ import annotations

from uuid import UUID, uuid4

import msgspec

from common.audit import Actor
from common.auth.principals import KeyType, ServiceStatus
from common.auth.scopes import SCOPES
from common.crypto import Crypto
from common.db import Database
from common.tenancy import flow

TESTER = Actor(kind="command", id="tests")


class ATeam(msgspec.Struct, frozen=True):
    """A service with a key of each type, and the organisation behind it."""

    organisation_id: UUID
    service_id: UUID
    name: str
    live: str
    team: str
    test: str

    def key(self, key_type: KeyType = "live") -> str:
        return {"live": self.live, "team": self.team, "test": self.test}[key_type]


async def a_key(
    db: Database,
    crypto: Crypto,
    service_id: UUID,
    key_type: KeyType = "live",
    *,
    name: str = "tests",
    scopes: list[str] | None = None,
    networks: list[str] | None = None,
) -> flow.NewKey:
    """A key of the service, with every scope unless told."""
    async with db.transaction() as tx:
        return await flow.issue_key(
            tx,
            crypto,
            TESTER,
            service_id,
            name=name,
            key_type=key_type,
            scopes=scopes or list(SCOPES),
            networks=networks,
        )


async def a_team(
    db: Database,
    crypto: Crypto,
    *,
    status: ServiceStatus = "live",
    name: str = "Parking permits",
    organisation: str | None = None,
    scopes: list[str] | None = None,
) -> ATeam:
    """A service, live unless told, of an organisation of its own, with three keys."""
    async with db.transaction() as tx:
        organisation_row = await flow.create_organisation(
            tx, TESTER, name=organisation or f"Borough {uuid4()}", colour="#00703c"
        )
        service = await flow.create_service(tx, TESTER, organisation_row.id, name=name, status=status)
    keys = {
        key_type: (await a_key(db, crypto, service.id, key_type, name=key_type, scopes=scopes)).secret
        for key_type in ("live", "team", "test")
    }
    return ATeam(organisation_row.id, service.id, name, **keys)
