"""The whole of Notify as it runs: API and worker as processes of their own, a real relay and gateway (the inbox)."""

from __future__ import annotations

import asyncio
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
from notifications_python_client.notifications import NotificationsAPIClient

from common import ids
from common.crypto import Crypto
from common.db import Database
from common.testing.builders import ATeam, a_team
from common.testing.servers import TEMPLATE, Addresses, execute
from services.notify import testing
from services.notify.messages import store

ROOT = Path(__file__).parents[3]
TOKEN, GATEWAY_KEY = "receipts-token", "gateway-key"
_START_S = 60
T = TypeVar("T")


class Program:
    """A process that says in its first lines where it listens."""

    def __init__(self, module: str, environment: dict[str, str], ready: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("INBOX_", "SMTP_", "SMS_"))}
        self.module = module
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**clean, "LOG_LEVEL": "warning", **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addresses = self._wait(ready)

    def _wait(self, ready: str) -> re.Match[str]:
        assert self.process.stdout is not None
        until = time.monotonic() + _START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, until - time.monotonic())):
                line = self.process.stdout.readline()
                if found := re.search(ready, line):
                    return found
                if not line:
                    break
        self.stop()
        raise AssertionError(f"{self.module} did not start")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _run(work: Callable[[Database], Coroutine[Any, Any, T]], dsn: str) -> T:
    """Set up from a test that is not async, on a loop of its own."""

    async def opened() -> T:
        async with Database(dsn, pool_size=2, application="test") as db:
            return await work(db)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(opened())).result()


class Running:
    """Notify with a live service, its templates and the official client for each of its keys."""

    def __init__(self, dsn: str, crypto: Crypto, url: str, inbox: str) -> None:
        self.dsn, self.crypto, self.url = dsn, crypto, url
        self._clients: dict[str, Any] = {}
        self.inbox = httpx.Client(base_url=inbox, trust_env=False)
        self.team: ATeam = _run(lambda db: a_team(db, crypto, name="Parking permits", organisation="Ham"), dsn)
        self.templates: dict[str, str] = {}
        self.senders: dict[str, str] = {}
        _run(self._furnish, dsn)

    async def _furnish(self, db: Database) -> None:
        service = self.team.service_id
        sms = await testing.a_template(db, service, "sms", content="Hello ((name)), ((what))", name="Reminder")
        email = await testing.a_template(
            db,
            service,
            "email",
            content="# Ready\n\nDear ((name)),\n\n((what))",
            subject="About ((name))",
            name="Permit",
            has_unsubscribe_link=True,
        )
        self.templates = {"sms": str(sms), "email": str(email)}
        self.senders = {
            "reply_to": str(await testing.a_reply_to(db, service, "help@permits.example.gov")),
            "sms": str(await testing.an_sms_sender(db, service, "PERMITS")),
        }

    def run(self, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
        return _run(work, self.dsn)

    def client(self, key_type: Any = "live") -> Any:
        """The official client with a key of the service."""
        return self.client_with(self.team.key(key_type))

    def client_with(self, key: str, *, url: str | None = None, timeout: int = 30) -> Any:
        """The official client, unchanged but for its address."""
        name = f"{key} {url}"
        if name not in self._clients:
            self._clients[name] = NotificationsAPIClient(key, base_url=url or self.url, timeout=timeout)
        return self._clients[name]

    def close(self) -> None:
        """The official client never closes its connections by itself."""
        for client in self._clients.values():
            client.request_session.close()
        self.inbox.close()

    def another_team(self) -> ATeam:
        return self.run(lambda db: a_team(db, self.crypto, name="Dog licences"))

    def arrived(self, to: str, channel: str, count: int = 1) -> list[dict[str, Any]]:
        """What the inbox has for a recipient, once it is that many."""

        def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.inbox.get("/api/messages", params={"to": to, "channel": channel}).json()
            return found if len(found) >= count else []

        return self.eventually(look)

    def status(self, message_id: str, wanted: str, key_type: str = "live") -> dict[str, Any]:
        """The message once it has this status."""
        client = self.client(key_type)

        def look() -> dict[str, Any] | None:
            message: dict[str, Any] = client.get_notification_by_id(message_id)
            return message if message["status"] == wanted else None

        found = self.eventually(look)
        assert found is not None
        return found

    @staticmethod
    def eventually(look: Callable[[], T], *, within_s: float = 60.0) -> T:
        deadline = time.monotonic() + within_s
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not come to pass in time"
            time.sleep(0.03)
        return found

    def many_messages(self, count: int, reference: str) -> list[str]:
        """Messages that went out long ago, put into the table without being sent; oldest first."""

        async def put(db: Database) -> list[str]:
            made = [ids.uuid7() for _ in range(count)]
            service = self.team.service_id
            personal = store.Personal("ada@example.gov", "ada@example.gov", {"name": "Ada", "what": "x"})
            blobs = [store.seal(self.crypto, personal, row=new, service=service) for new in made]
            async with db.transaction() as tx:
                await tx.execute(
                    """
                    insert into notify.messages (id, service_id, mode, key_type, channel, template_id,
                        template_version, status, reference, personal, created_at, sent_at, updated_at)
                    select n.id, $3, 'live', 'live', 'email', $4, 1, 'delivered', $5, n.personal, now(), now(), now()
                    from unnest($1::uuid[], $2::bytea[]) as n(id, personal)
                    """,
                    made,
                    blobs,
                    service,
                    UUID(self.templates["email"]),
                    reference,
                )
            return [str(new) for new in made]

        return self.run(put)


@pytest.fixture(scope="module")
def running(
    server_addresses: Addresses,
    worker_number: int,
    keyring: str,
    crypto: Crypto,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """One running Notify for a module; its tests keep to references and recipients of their own."""
    name, control = f"contract_{uuid4().hex}", server_addresses.database("postgres")
    execute(control, f"create database {name} template {TEMPLATE}")
    dsn = server_addresses.database(name)
    # Redis's own database for each worker of the run is taken by its other tests, which empty it
    shared = {"DATABASE_URL": dsn, "REDIS_URL": f"{server_addresses.redis}?db={15 - worker_number}", "KEYS": keyring}
    shared |= {"PUBLIC_URL": "https://notify.test", "RECEIPTS_TOKEN": TOKEN, "SMS_RATE": "0.02"}
    programs: list[Program] = []
    try:
        programs.append(Program("services.notify.api", shared, r"is ready on (http://\S+)"))
        url = programs[0].addresses[1]
        inbox_settings = {
            "INBOX_HTTP_PORT": "0",
            "INBOX_SMTP_PORT": "0",
            "INBOX_DIR": str(tmp_path_factory.mktemp("inbox")),
            "INBOX_RECEIPTS_URL": url,
            "INBOX_RECEIPTS_TOKEN": TOKEN,
            "INBOX_GATEWAY_KEY": GATEWAY_KEY,
        }
        programs.append(Program("deploy.local.inbox", inbox_settings, r"(http://[\d.:]+).*smtp://[\d.]+:(\d+)"))
        inbox = programs[1].addresses
        channels = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": inbox[2],
            "SMTP_TLS": "none",
            "SMTP_REPORTS_RECEIPTS": "true",
            "SMS_GATEWAY_URL": f"{inbox[1]}/gateway",
            "SMS_GATEWAY_KEY": GATEWAY_KEY,
        }
        programs.append(Program("services.notify.worker", {**shared, **channels}, r"ready: Notify worker"))
        notify = Running(dsn, crypto, url, inbox[1])
        yield notify
        notify.close()
    finally:
        for program in reversed(programs):
            program.stop()
        execute(control, f"drop database {name} with (force)")
