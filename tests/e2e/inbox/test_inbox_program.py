"""Start, stop, restart and receipts when Notify is in trouble."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest


def run_to_end(suite: Any, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.local.inbox"]
    return subprocess.run(command, cwd=suite.ROOT, env=settings, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("name", ["INBOX_HTTP_PORT", "INBOX_SMTP_PORT"])
def test_a_busy_port_is_one_line_and_exit_code_1(suite: Any, tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_end(suite, suite.environment(tmp_path, **{name: port}))
    assert ended.returncode == 1
    assert ended.stderr == f"inbox: port {port} is already taken; stop what uses it or set {name}\n"


def test_wrong_settings_are_one_line_and_exit_code_1(suite: Any, tmp_path: Path) -> None:
    ended = run_to_end(suite, suite.environment(tmp_path, INBOX_HTTP_PORT="high", INBOX_SMTP_PORT="70000"))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "INBOX_HTTP_PORT" in ended.stderr
    assert "INBOX_SMTP_PORT" in ended.stderr


def test_a_folder_that_cannot_be_used_is_one_line_and_exit_code_1(suite: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run_to_end(suite, suite.environment(tmp_path / "file"))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"inbox: folder {tmp_path / 'file'} cannot be used: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_connections_open(suite: Any, tmp_path: Path, number: int) -> None:
    with suite.running(suite.environment(tmp_path)) as inbox:
        server = inbox.smtp()
        server.ehlo()
        inbox.http.get("/_status")
        started = time.monotonic()
        assert inbox.stop(number) == 0
        assert time.monotonic() - started < 5
        assert server.getreply()[0] == 421
        server.close()


def test_only_loopback_is_bound(inbox: Any) -> None:
    table = Path(f"/proc/{inbox.process.pid}/net/tcp").read_text().splitlines()[1:]
    ports = {f"{inbox.smtp_port:04X}", f"{int(inbox.url.rpartition(':')[2]):04X}"}
    bound = [line.split()[1].split(":") for line in table if line.split()[3] == "0A"]
    assert {address for address, port in bound if port in ports} == {"0100007F"}


def test_messages_outlive_a_restart_and_even_a_kill(suite: Any, tmp_path: Path) -> None:
    message = str(uuid4())
    with suite.running(suite.environment(tmp_path)) as inbox:
        inbox.send("ada@example.gov")
        reference = inbox.text("447700900121", message).json()["id"]
        inbox.stop(signal.SIGKILL)
    with suite.running(suite.environment(tmp_path)) as inbox:
        assert [found["channel"] for found in inbox.messages()] == ["sms", "email"]
        again = inbox.text("447700900121", message)
        assert (again.status_code, again.json()["id"]) == (200, reference)
        assert inbox.http.delete("/api/messages").status_code == 204
        assert inbox.messages() == []
    with suite.running(suite.environment(tmp_path)) as inbox:
        assert inbox.messages() == []
        assert inbox.http.get("/_status").json() == {"status": "ok", "messages": 0}


def receipts_to(suite: Any, port: int) -> dict[str, str]:
    return {"INBOX_RECEIPTS_URL": f"http://127.0.0.1:{port}/", "INBOX_RECEIPTS_TOKEN": suite.TOKEN}


def test_a_receipt_is_posted_again_until_notify_takes_it(suite: Any, tmp_path: Path) -> None:
    with suite.ReceiptsServer([404, 503, 429, 500]) as notify:
        with suite.running(suite.environment(tmp_path, **receipts_to(suite, notify.port))) as inbox:
            sent_at = time.monotonic()
            message = inbox.send("ada@example.gov")
            suite.eventually(lambda: notify.calls)
            assert time.monotonic() - sent_at >= 0.1
            suite.eventually(lambda: notify.of(message), within_s=20)
        assert len(notify.calls) == 5


def test_a_refused_receipt_is_not_posted_again(suite: Any, tmp_path: Path) -> None:
    with suite.ReceiptsServer([401]) as notify:
        with suite.running(suite.environment(tmp_path, **receipts_to(suite, notify.port))) as inbox:
            refused = inbox.send("ada@example.gov")
            suite.eventually(lambda: notify.calls)
            taken = inbox.send("ada@example.gov")
            suite.eventually(lambda: notify.of(taken))
        assert notify.of(refused) == []


def test_receipts_wait_for_a_notify_that_is_not_up_yet(suite: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with suite.running(suite.environment(tmp_path, **receipts_to(suite, port))) as inbox:
        messages = [inbox.send("ada@example.gov") for _ in range(5)]
        suite.eventually(lambda: "Notify cannot be reached" in inbox.log.read_text())
        with suite.ReceiptsServer([], port) as notify:
            for message in messages:
                suite.eventually(lambda message=message: notify.of(message), within_s=20)


def test_without_a_receipts_address_the_inbox_stands_alone(suite: Any, tmp_path: Path) -> None:
    with suite.running(suite.environment(tmp_path)) as inbox:
        inbox.send("ada@example.gov")
        assert len(inbox.messages()) == 1


def test_a_strange_host_is_refused(inbox: Any) -> None:
    for host in ("attacker.example", "127.0.0.1.attacker.example:80", "localhost.attacker.example", ""):
        assert httpx.get(f"{inbox.url}/api/messages", headers={"Host": host}).status_code in (400, 421)
    for host in ("localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]:2", "[::1]"):
        assert httpx.get(f"{inbox.url}/_status", headers={"Host": host}).status_code == 200
