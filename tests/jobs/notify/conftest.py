"""The worker's delivery on a real database, with channels whose every answer a test decides."""

from __future__ import annotations

import email
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any, ClassVar
from uuid import UUID

import pytest

from common import clock, ids
from common.crypto import Crypto
from common.db import Database
from common.queue import WorkList
from common.testing.builders import a_team
from services.notify import testing
from services.notify.channels.protocol import Accepted, Outcome, OutgoingEmail, OutgoingText
from services.notify.context import Context
from services.notify.delivery.compose import Composer
from services.notify.delivery.flow import Deliverer
from services.notify.messages import store
from services.notify.messages.accept import SIMULATED_LANE
from services.notify.messages.store import Draft, Personal
from services.notify.receipts import flow as receipts
from services.notify.receipts.store import Receipt
from services.notify.recipients.normal import normalise
from services.notify.settings import NotifySettings

Say = Callable[[Any], Outcome]


class Channel:
    """Takes what it is given and answers what `say` says. gone: what went out, calls that were refused included."""

    name = "scripted"

    def __init__(self, *, chunk: int = 16, reports_receipts: bool = True) -> None:
        self.chunk = chunk
        self.reports_receipts = reports_receipts
        self.say: Say = lambda message: Accepted(f"ref-{message.id}")
        self.gone: list[Any] = []
        self.asked: list[UUID] = []
        self.known: dict[UUID, str] = {}
        self.during: Callable[[Sequence[Any]], Any] | None = None

    async def send_many(self, messages: Sequence[OutgoingEmail] | Sequence[OutgoingText]) -> list[Outcome]:
        assert len(messages) <= self.chunk
        self.gone += messages
        if self.during is not None:
            await self.during(messages)
        return [self.say(message) for message in messages]

    async def ask(self, message: UUID) -> str | None:
        self.asked.append(message)
        return self.known.get(message)

    async def close(self) -> None:
        """Nothing is held."""


class Post:
    """A service whose messages are stored as the accept path stores them, and a worker for them."""

    recipients: ClassVar = {"email": "Ada@Example.gov", "sms": "07700 900 123"}
    testing = testing

    def __init__(self, db: Database, crypto: Crypto, keyring: str) -> None:
        self.db, self.crypto = db, crypto
        self.settings = NotifySettings(public_url="https://notify.test", sms_rate=0.02)
        self.context = Context(self.settings, db, keys=keyring)
        self.email, self.text = Channel(), Channel()
        self.work = WorkList("notify")
        self.service_id = self.organisation_id = UUID(int=0)
        self.templates: dict[str, UUID] = {}

    async def open(self) -> Post:
        team = await a_team(self.db, self.crypto, name="Parking permits", organisation="Borough of Ham")
        self.service_id, self.organisation_id = team.service_id, team.organisation_id
        self.templates = {
            "sms": await testing.a_template(self.db, team.service_id, "sms", content="Hello ((name))"),
            "email": await testing.a_template(
                self.db, team.service_id, "email", content="# Ready\n\nDear ((name)), see https://permits.example.gov"
            ),
        }
        return self

    def deliverer(self, *, hourly_limit: int = 0, batch: int = 50) -> Deliverer:
        return Deliverer(
            self.db,
            self.work,
            Composer(self.context),
            email=self.email,
            text=self.text,
            batch=batch,
            hourly_limit=hourly_limit,
        )

    async def a_message(
        self,
        channel: str = "sms",
        *,
        to: str | None = None,
        key_type: str = "live",
        template: UUID | None = None,
        service_id: UUID | None = None,
        scheduled_for: datetime | None = None,
        **personal: Any,
    ) -> UUID:
        """A message as POST leaves it, with its work."""
        message_id, service = ids.uuid7(), service_id or self.service_id
        written = to or self.recipients[channel]
        recipient = normalise(channel, written)  # type: ignore[arg-type]
        content = {"personalisation": {"name": "Ada"}, "sender": None if channel == "email" else "PERMITS", **personal}
        is_test = key_type == "test"
        draft = Draft(
            id=message_id,
            service_id=service,
            mode="test" if is_test else "live",
            key_type=key_type,
            channel=channel,
            template_id=template or self.templates[channel],
            template_version=1,
            reference=None,
            recipient_index=self.crypto.index(service, recipient),
            personal=store.seal(self.crypto, Personal(written, recipient, **content), row=message_id, service=service),
            created_at=clock.now(),
            scheduled_for=scheduled_for,
            rate_multiplier=1,
            lane=SIMULATED_LANE if is_test else f"{channel}-normal",
            topic="simulate" if is_test else "deliver",
            trace=None,
        )
        async with self.db.transaction() as tx:
            await store.accept(tx, [draft])  # type: ignore[arg-type]
        return message_id

    async def row(self, message_id: UUID) -> Any:
        async with self.db.reading() as tx:
            return await tx.fetchrow("select * from notify.messages where id = $1", message_id)

    async def status(self, message_id: UUID) -> str:
        return str((await self.row(message_id))["status"])

    async def waiting(self, message_id: UUID) -> Any:
        """The work of a message, None once it is done."""
        async with self.db.reading() as tx:
            return await tx.fetchrow("select * from notify.work where id = $1", message_id)

    async def dead(self) -> list[tuple[UUID, str]]:
        async with self.db.reading() as tx:
            return [(work.ref, work.reason) for work in await self.work.dead(tx)]

    async def put(self, sql: str, *values: Any) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(sql, *values)

    async def hear(self, message_id: UUID, *statuses: str) -> list[str]:
        async with self.db.transaction() as tx:
            heard = await receipts.hear(tx, [Receipt(message_id, status) for status in statuses])  # type: ignore[arg-type]
        return list(heard)

    @staticmethod
    def parsed(outgoing: OutgoingEmail) -> EmailMessage:
        message = email.message_from_bytes(outgoing.data, policy=default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
async def post(db: Database, crypto: Crypto, keyring: str) -> Post:
    """A live service with a template of each channel, and a worker with scripted channels."""
    return await Post(db, crypto, keyring).open()


@pytest.fixture(autouse=True)
def _ids_of_the_present(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that shifted the clock leaves the maker of ids days ahead, for good: ids only grow in a process."""
    monkeypatch.setattr("common.ids._last_ticks", 0)
