"""The inbox as its own process, and a Notify that only takes receipts."""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

ROOT = Path(__file__).parents[3]
KEY = "gateway-key"
TOKEN = "receipts-token"


def eventually(look: Callable[[], Any], *, within_s: float = 10.0) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
    return found


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of an inbox on free ports."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("INBOX_")}
    ports = {"INBOX_HTTP_PORT": "0", "INBOX_SMTP_PORT": "0"}
    return {**plain, **ports, "INBOX_DIR": str(folder), "INBOX_GATEWAY_KEY": KEY, **more}


class RunningInbox:
    """An inbox process and ways to reach it."""

    def __init__(self, settings: dict[str, str]) -> None:
        command = [sys.executable, "-m", "deploy.local.inbox"]
        self.log = Path(f"{settings['INBOX_DIR']}.log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"(http://[\d.:]+).*smtp://([\d.]+):(\d+)", line)
        assert found, f"no address in {line!r}: {self.log.read_text()}"
        self.url, self.smtp_host, self.smtp_port = found[1], found[2], int(found[3])
        self.http = httpx.Client(base_url=self.url, trust_env=False)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop the process and return its exit code."""
        self.http.close()
        self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def smtp(self) -> smtplib.SMTP:
        """A new connection to the mail server."""
        return smtplib.SMTP(self.smtp_host, self.smtp_port, local_hostname="test", timeout=10)

    def send(self, to: str, message: str | None = None, subject: str = "Due") -> str:
        """Send an e-mail as Notify would and return its message id."""
        message = message or str(uuid4())
        with self.smtp() as server:
            server.send_message(an_email(to, message, subject))
        return message

    def text(self, to: str, message: str | None = None, words: str = "Hello", key: str = KEY) -> httpx.Response:
        """Send a text as Notify would."""
        message = message or str(uuid4())
        return self.http.post(
            "/gateway/messages",
            headers={"Authorization": f"Bearer {key}", "Idempotency-Key": message},
            json={"id": message, "to": to, "from": "TAX", "text": words},
        )

    def messages(self, **search: Any) -> list[dict[str, Any]]:
        """What the API lists."""
        found: list[dict[str, Any]] = self.http.get("/api/messages", params=search).raise_for_status().json()
        return found


def an_email(to: str, message: str, subject: str = "Due") -> EmailMessage:
    email = EmailMessage()
    email["From"] = "Vehicle Tax <tax@notify.example.gov>"
    email["To"] = to
    email["Subject"] = subject
    email["Message-ID"] = f"<{message}@notify.example.gov>"
    email.set_content("Dear Ada\n\nYour tax is due.\n")
    email.add_alternative("<html><head></head><body><h2>Your tax is due.</h2></body></html>", subtype="html")
    return email


class ReceiptsServer:
    """Takes receipts as Notify does. answers: statuses to give first, then 204 for good."""

    def __init__(self, answers: list[int], port: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.calls.append((self.path, self.headers["Authorization"]))
                status = answers.pop(0) if answers else 204
                if status == 204:
                    outer.taken.append(body)
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                outer.calls.append((self.path, None))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def of(self, message: str) -> list[dict[str, Any]]:
        """The receipts taken for one message."""
        return [receipt for receipt in self.taken if receipt["id"] == message]

    def __enter__(self) -> ReceiptsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, so that the port is free again."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running(settings: dict[str, str]) -> Iterator[RunningInbox]:
    inbox = RunningInbox(settings)
    try:
        yield inbox
    finally:
        if inbox.process.poll() is None:
            inbox.stop()


@pytest.fixture(scope="module")
def notify() -> Iterator[ReceiptsServer]:
    """A Notify for the whole module."""
    with ReceiptsServer([]) as server:
        yield server


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory, notify: ReceiptsServer) -> Iterator[RunningInbox]:
    """An inbox for the whole module; tests use recipients of their own."""
    receipts = {"INBOX_RECEIPTS_URL": f"http://127.0.0.1:{notify.port}", "INBOX_RECEIPTS_TOKEN": TOKEN}
    with running(environment(tmp_path_factory.mktemp("inbox"), **receipts)) as started:
        yield started


class Suite:
    """What tests use that are not fixtures themselves (test folders are no packages, so nothing can be imported)."""

    eventually = staticmethod(eventually)
    environment = staticmethod(environment)
    running = staticmethod(running)
    an_email = staticmethod(an_email)
    ReceiptsServer = ReceiptsServer
    KEY = KEY
    TOKEN = TOKEN
    ROOT = ROOT


@pytest.fixture(scope="session")
def suite() -> type[Suite]:
    return Suite
