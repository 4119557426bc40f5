"""`make run`: what it starts it stops, and what is wrong it says in one line."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_STAND_IN = Path(__file__).with_name("stand_in_suite.py")


class Run:
    """One start of the stand-in suite on a folder of its own."""

    def __init__(self, var: Path, port: int, *words: str, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        self.port, self.var = port, var
        self.printed: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(_STAND_IN), str(port), *words],
            # TMPDIR is handed on to every program, which marks those of this run
            env={**clean, "COLONNADE_VAR": str(var), "TMPDIR": str(var), "PYTHONPATH": str(_ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until_up(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)
            if line.strip() == "up" or line.startswith("Then look at"):
                return
        raise AssertionError(f"it did not start: {self.process.communicate()[1]}")

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said on standard error."""
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def processes(self) -> dict[int, str]:
        """Every process of this machine that has the folder in its command line or its environment."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
                if os.fsencode(self.var) in words and int(folder.name) != self.process.pid:
                    found[int(folder.name)] = words.replace(b"\0", b" ")[:120].decode(errors="replace")
            except OSError:
                continue
        return found


def _free_first_port() -> int:
    """A PORT whose whole row of ports is free just now, far from those that the kernel hands out."""
    for _ in range(50):
        first = random.randrange(9000, 30000, 40)
        try:
            for port in (first, first + 1, first + 2, first + 3, first + 25, first - 6975):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def until(holds: Callable[[], bool], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@pytest.fixture
def var() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="colonnade-var-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(var: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*words: str, port: int | None = None, **environment: str) -> Run:
        runs.append(Run(var, port or _free_first_port(), *words, **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            run.process.communicate(timeout=30)
        for stream in (run.process.stdout, run.process.stderr):
            assert stream is not None
            stream.close()


def is_one_line(text: str) -> bool:
    return text.startswith("colonnade: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_everything_and_a_second_start_is_quick(start: Callable[..., Run], how: signal.Signals) -> None:
    first = start()
    first.wait_until_up()
    with urllib.request.urlopen(f"http://127.0.0.1:{first.port + 1}/") as answer:
        assert answer.read() == b"ok"
    assert first.processes()
    first.process.send_signal(how)
    assert first.end() == (0, "")
    assert first.processes() == {}

    began = time.monotonic()
    second = start(port=first.port)
    second.wait_until_up()
    assert time.monotonic() - began < 5


def test_a_program_gets_its_own_role_and_only_the_environment_it_needs(start: Callable[..., Run], var: Path) -> None:
    start(SOME_SECRET="x", PGPORT="1").wait_until_up()
    log = (var / "log" / "worker.log").read_text()
    assert log.startswith("colonnade_notify 0\n")
    assert "SOME_SECRET" not in log
    assert "KEYS_FILE" not in log
    assert (var / "log" / "worker.log").stat().st_mode & 0o077 == 0


def test_secrets_are_made_once_and_only_their_owner_reads_them(start: Callable[..., Run], var: Path) -> None:
    run = start()
    run.wait_until_up()
    kept = {path.name: path.read_text() for path in (var / "secrets").iterdir()}
    assert set(kept) == {"keys.json", "operator.key", "receipts.token", "gateway.key"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (var / "secrets").iterdir())
    run.process.send_signal(signal.SIGTERM)
    run.end()
    start().wait_until_up()
    assert kept == {path.name: path.read_text() for path in (var / "secrets").iterdir()}


def test_a_lost_key_ring_is_not_replaced_beside_data_that_needs_it(start: Callable[..., Run], var: Path) -> None:
    run = start()
    run.wait_until_up()
    run.process.send_signal(signal.SIGTERM)
    run.end()
    (var / "secrets" / "keys.json").unlink()
    code, said = start().end()
    assert code == 1
    assert is_one_line(said)
    assert "keys.json is missing" in said


def test_nothing_is_left_when_the_parent_is_killed_and_it_starts_again(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_until_up()
    run.process.send_signal(signal.SIGKILL)
    run.end()
    start(port=run.port).wait_until_up()  # at once, while the killed run's processes are still leaving


def test_every_process_ends_with_a_killed_parent(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_until_up()
    run.process.send_signal(signal.SIGKILL)
    run.end()
    until(lambda: run.processes() == {})


def test_a_busy_port_is_named_in_one_line(start: Callable[..., Run]) -> None:
    port = _free_first_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 25))
        taken.listen()
        run = start(port=port)
        code, said = run.end()
    assert code == 1
    assert is_one_line(said)
    assert f"{port + 25} (inbox) is in use" in said
    assert run.processes() == {}


def test_a_port_that_leaves_no_room_is_refused(start: Callable[..., Run]) -> None:
    code, said = start(port=80).end()
    assert code == 1
    assert is_one_line(said)


def test_a_program_that_cannot_start_is_named_with_its_reason_and_log(start: Callable[..., Run], var: Path) -> None:
    run = start("broken")
    code, said = run.end()
    assert code == 1
    assert is_one_line(said)
    assert "broken ended with code 1: DATABASE_URL: is required and not set" in said
    assert str(var / "log" / "broken.log") in said
    assert run.processes() == {}


@pytest.mark.parametrize("victim", ["serve_forever", "postgres -D", "redis-server"])
def test_a_child_that_dies_later_ends_the_run_in_one_line(start: Callable[..., Run], victim: str, var: Path) -> None:
    run = start()
    run.wait_until_up()
    words = {"serve_forever": "http.server", "postgres -D": f"{var}/postgres", "redis-server": f"{var}/redis"}[victim]
    child = next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if _parent(folder) == run.process.pid and words in _command(folder)
    )
    os.kill(child, signal.SIGKILL)
    code, said = run.end()
    assert code == 1
    assert is_one_line(said)
    assert "was killed (SIGKILL)" in said
    until(lambda: run.processes() == {})


def _call_shown(run: Run, title: str) -> str:
    """The call that stands under a title in what the run printed."""
    printed = "".join(run.printed)
    return printed.partition(f"{title}\n")[2].partition("\n\n")[0]


def test_the_two_calls_that_it_prints_deliver_an_email_and_a_text(start: Callable[..., Run], var: Path) -> None:
    run = start("real")
    run.wait_until_up()
    for title in ("Send an e-mail:", "Send a text with the official Python client:"):
        call = subprocess.run(["bash", "-c", _call_shown(run, title)], capture_output=True, text=True, timeout=30)
        assert call.returncode == 0, call.stderr
        assert "error" not in call.stdout.lower(), call.stdout
    suite = json.loads((var / "suite.json").read_text())
    assert (var / "suite.json").stat().st_mode & 0o777 == 0o600
    assert set(suite["keys"]) == {"live", "team", "test"}
    assert set(suite["templates"]) == {"email", "sms"}

    def arrived() -> dict[str, str]:
        with urllib.request.urlopen(f"{suite['inbox']['url']}/api/messages") as answer:
            return {message["channel"]: message["text"] for message in json.load(answer)}

    until(lambda: set(arrived()) == {"email", "sms"})
    assert "Dear Amal" in arrived()["email"]
    assert "481516" in arrived()["sms"]
    run.process.send_signal(signal.SIGINT)
    assert run.end() == (0, "")
    assert run.processes() == {}

    again = start("real", port=run.port)
    again.wait_until_up()
    assert json.loads((var / "suite.json").read_text()) == suite


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_folder_that_cannot_be_written_is_named_in_one_line(start: Callable[..., Run], var: Path) -> None:
    # a file in the folder's place: root may write into any folder, so rights alone would not stop it
    blocked = var / "file"
    blocked.write_text("")
    code, said = start(COLONNADE_VAR=str(blocked / "var")).end()
    assert code == 1
    assert is_one_line(said)
    assert "cannot be written" in said


def test_a_second_run_on_the_same_folder_says_so(start: Callable[..., Run]) -> None:
    first = start()
    first.wait_until_up()
    code, said = start().end()
    assert code == 1
    assert is_one_line(said)
    assert f"already runs on {first.var} (process {first.process.pid})" in said


def test_a_given_database_that_does_not_answer_is_one_line(start: Callable[..., Run]) -> None:
    code, said = start(DATABASE_URL="postgresql://me:secret@127.0.0.1:1/db").end()
    assert code == 1
    assert is_one_line(said)
    assert "DATABASE_URL" in said
    assert "secret" not in said


def test_data_of_another_postgres_is_one_line(start: Callable[..., Run]) -> None:
    run = start(COLONNADE_PG="16")
    run.wait_until_up()
    run.process.send_signal(signal.SIGTERM)
    run.end()
    code, said = start().end()
    assert code == 1
    assert is_one_line(said)
    assert "PostgreSQL 16" in said
