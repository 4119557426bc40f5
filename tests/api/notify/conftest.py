"""Notify's real API on real PostgreSQL and Redis, without a server in between; keys and operators to call it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common import clock, ids
from common.audit import Actor, AuditEvent, list_events
from common.auth.operator import key_id, mint_operator_token
from common.crypto import Crypto
from common.db import Database
from common.http.app import App
from common.settings import load
from common.tenancy import flow as tenancy
from common.tenancy import keys
from common.tenancy import store as identity
from services.notify import testing
from services.notify.app import create_app
from services.notify.settings import ApiSettings

SETTING_UP = Actor("system", "tests")
RECEIPTS_TOKEN = "receipts-token"
ALL_SCOPES = ["notify:send", "notify:read", "notify:templates", "notify:settings"]


class Notify:
    """The API, and what a test sets up around it."""

    def __init__(self, app: App, client: httpx.AsyncClient, db: Database, crypto: Crypto) -> None:
        self.app = app
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
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "KEYS": keyring,
            "PUBLIC_URL": "https://notify.test",
            "RECEIPTS_TOKEN": RECEIPTS_TOKEN,
            "SMS_RATE": "0.02",
        },
    )
    app = create_app(settings)
    async with app.running(), Database(database_url, pool_size=3, application="test") as db:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://notify.test") as client:
            yield Notify(app, client, db, Crypto(keyring))


class Desk:
    """A service that sends: a template of each channel that wants ((name)), and a key of each type."""

    recipients: ClassVar = {
        "email": {"email_address": "ada@example.gov"},
        "sms": {"phone_number": "07700 900 123"},
    }
    receipts_token = RECEIPTS_TOKEN
    testing = testing

    def __init__(self, notify: Notify, service_id: UUID) -> None:
        self.notify, self.service_id = notify, service_id
        self.db, self.crypto = notify.db, notify.crypto
        self.keys: dict[str, dict[str, str]] = {}
        self.templates: dict[str, UUID] = {}

    async def furnish(self) -> Desk:
        self.keys = {kind: await self.notify.a_key(self.service_id, kind=kind) for kind in ("live", "team", "test")}
        content = {"sms": "Hello ((name))", "email": "Dear ((name)),\n\nyour permit is ready."}
        self.templates = {
            "sms": await testing.a_template(self.db, self.service_id, "sms", content=content["sms"]),
            "email": await testing.a_template(self.db, self.service_id, "email", content=content["email"]),
        }
        return self

    def body(self, channel: str, **fields: Any) -> dict[str, Any]:
        """A body that is right; a field of None is left out."""
        whole = {
            **self.recipients[channel],
            "template_id": str(self.templates[channel]),
            "personalisation": {"name": "Ada"},
            **fields,
        }
        return {name: value for name, value in whole.items() if value is not None}

    async def send(
        self, channel: str, key: str = "live", idempotency_key: str | None = None, **fields: Any
    ) -> httpx.Response:
        named = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
        return await self.notify.call(
            "POST", f"/v2/notifications/{channel}", self.keys[key], self.body(channel, **fields), **named
        )

    async def sent(self, channel: str = "sms", key: str = "live", **fields: Any) -> dict[str, Any]:
        """The 201's body."""
        answer = await self.send(channel, key, **fields)
        assert answer.status_code == 201, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def read(self, message_id: str, key: str = "live") -> httpx.Response:
        return await self.notify.call("GET", f"/v2/notifications/{message_id}", self.keys[key])

    async def rows(self) -> int:
        """How many messages the service has, of any key."""
        async with self.db.reading() as tx:
            return int(await tx.fetchval("select count(*) from notify.messages where service_id = $1", self.service_id))

    async def put(self, sql: str, *values: Any) -> None:
        """Bring a row into a state that takes days to reach."""
        async with self.db.transaction() as tx:
            await tx.execute(sql, *values)

    @staticmethod
    def refusal(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
        """Status, and the class and text of each error, once the form is known to be the contract's."""
        body = answer.json()
        assert set(body) == {"status_code", "errors"}, body
        assert body["status_code"] == answer.status_code
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, [(entry["error"], entry["message"]) for entry in body["errors"]]


@pytest.fixture
async def desk(notify: Notify) -> Desk:
    """A live service, ready to send."""
    return await Desk(notify, await notify.a_service(name="Parking permits")).furnish()


@pytest.fixture
async def trial(notify: Notify) -> Desk:
    """A service in trial, ready to send."""
    return await Desk(notify, await notify.a_service(status="trial", name="Dog licences")).furnish()


@pytest.fixture(autouse=True)
def _ids_of_the_present(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that shifted the clock leaves the maker of ids days ahead, for good: ids only grow in a process."""
    monkeypatch.setattr("common.ids._last_ticks", 0)
