"""Notify's real API on real PostgreSQL and Redis, without a server in between; keys and operators to call it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import clock, ids
from common.audit import Actor, AuditEvent, list_events
from common.auth.operator import key_id, mint_operator_token
from common.crypto import Crypto
from common.db import Database
from common.settings import load
from common.tenancy import flow as tenancy
from common.tenancy import keys
from common.tenancy import store as identity
from services.notify.app import create_app
from services.notify.settings import ApiSettings

SETTING_UP = Actor("system", "tests")
ALL_SCOPES = ["notify:send", "notify:read", "notify:templates", "notify:settings"]


class Notify:
    """The API, and what a test sets up around it."""

    def __init__(self, client: httpx.AsyncClient, db: Database, crypto: Crypto) -> None:
        self.client = client
        self.db = db
        self.crypto = crypto
        self._organisation: UUID | None = None
        self._signing = Ed25519PrivateKey.generate()

    async def call(
        self, method: str, path: str, caller: dict[str, str], body: Any = None, **headers: str
    ) -> httpx.Response:
        """headers: with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, headers={**caller, **named}, json=body)

    async def a_service(self, *, status: str = "live", name: str | None = None) -> UUID:
        async with self.db.transaction() as tx:
            if self._organisation is None:
                made = await tenancy.create_organisation(tx, SETTING_UP, name="Ministry of Permits", colour="#7a1f5c")
                self._organisation = made.id
            service = await tenancy.create_service(
                tx,
                SETTING_UP,
                self._organisation,
                name=name or f"Service {ids.uuid7()}",
                status=status,  # type: ignore[arg-type]
            )
        return service.id

    async def a_key(self, service: UUID, *, kind: str = "live", scopes: list[str] | None = None) -> dict[str, str]:
        """The header of a key named `deploys`."""
        async with self.db.transaction() as tx:
            new = await keys.issue_key(
                tx,
                self.crypto,
                SETTING_UP,
                service,
                name="deploys",
                key_type=kind,  # type: ignore[arg-type]
                scopes=scopes or ALL_SCOPES,
            )
        return {"authorization": f"Bearer {new.secret}"}

    async def a_caller(self, **service: str) -> dict[str, str]:
        """A key with every scope of a new service."""
        return await self.a_key(await self.a_service(**service))

    async def an_operator(self, service: UUID | None, *scopes: str) -> dict[str, str]:
        public = self._signing.public_key().public_bytes_raw()
        session = ids.uuid7()
        async with self.db.transaction() as tx:
            await identity.add_token_key(tx, key_id(public), public)
            await identity.add_session(tx, session, "ada", clock.now() + timedelta(hours=1))
        token = mint_operator_token(
            self._signing.private_bytes_raw(),
            audience="notify",
            operator="ada",
            session_id=session,
            service_id=service,
            scopes=list(scopes),
        )
        return {"authorization": f"Bearer {token}"}

    async def audited(self, service: UUID) -> list[AuditEvent]:
        async with self.db.reading() as tx:
            return await list_events(tx, "notify", service_id=service)


@pytest.fixture
async def notify(database_url: str, redis_url: str, keyring: str) -> AsyncIterator[Notify]:
    settings = load(
        ApiSettings,
        {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "KEYS": keyring, "PUBLIC_URL": "https://notify.test"},
    )
    app = create_app(settings)
    async with app.running(), Database(database_url, pool_size=3, application="test") as db:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://notify.test") as client:
            yield Notify(client, db, Crypto(keyring))
