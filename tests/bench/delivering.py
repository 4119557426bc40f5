"""Measure delivering: the worker's rate against a bare aiosmtplib loop, and the time from POST to SMTP when idle."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from urllib.request import Request, urlopen

import msgspec

from tests.bench.accepting import API
from tests.bench.load import Caller, Job, bearer
from tests.bench.sink import Arrival, Report
from tests.bench.stand import ROOT, BenchError, Load, Spoken, Stand

_WAIT_S = 120
_CONNECTIONS = 32
_AT_ONCE = 2_500  # messages of a job: its tokens are good for 30 s, also on a slow machine


class Delivering(msgspec.Struct, frozen=True, kw_only=True):
    """Medians, messages a second, and the worker's memory at the end of its work (MB)."""

    worker: float
    bare: float
    worker_mb: float


class Sink(Spoken):
    """The mail server's process."""

    def __init__(self) -> None:
        super().__init__("tests.bench.sink")
        self.port = int(self.read())

    def reset(self) -> None:
        self.ask("reset", Report)

    def rate_of(self, count: int) -> float:
        """Wait for so many messages; gives how many a second came between the first and the last."""
        report = self.ask(f"wait {count} {_WAIT_S}", Report)
        if report.count < count:
            raise BenchError(f"{report.count} of {count} messages arrived within {_WAIT_S} s")
        return (report.count - 1) / (report.last_at - report.first_at)


def measure_delivering(
    stand: Stand, load: Load, *, messages: int, rounds: int, say: Callable[[str], None]
) -> Delivering:
    """Fill the work list, start a worker and let the sink count; then the bare loop with the same bytes."""
    sink = Sink()
    api = stand.program(API, "bench")
    worker_rates, bare_rates, memory = [], [], 0.0
    sample = stand.folder / "message"
    for turn in range(rounds):
        say(f"delivering {messages:,} messages, {turn + 1} of {rounds}")
        stand.clear("bench")
        caller = stand.callers["bench"]
        for _ in range(0, messages, _AT_ONCE):
            load.run(Job(port=api.port, connections=_CONNECTIONS, caller=caller, requests=_AT_ONCE))
        sink.reset()
        worker = stand.worker("bench", sink.port)
        worker_rates.append(sink.rate_of(messages))
        memory = max(memory, worker.memory_mb())
        worker.stop()
        sink.ask(f"sample {sample}", Report)
        sink.reset()
        command = [sys.executable, "-m", "tests.bench.bare_loop", str(sink.port), str(messages), str(sample)]
        subprocess.run(command, cwd=ROOT, check=True)
        bare_rates.append(sink.rate_of(messages // 8 * 8))
    api.stop()
    sink.close()
    return Delivering(worker=median(worker_rates), bare=median(bare_rates), worker_mb=memory)


def _post(port: int, caller: Caller) -> str:
    body = {
        "email_address": "ada@example.gov",
        "template_id": caller.template_id,
        "personalisation": {"name": "Ada", "reference": "PK-1", "date": "3 December 2026"},
    }
    headers = {"Authorization": bearer(caller), "Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}/v2/notifications/email", json.dumps(body).encode(), headers)
    with urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["id"])


def measure_idle(stand: Stand, *, messages: int, say: Callable[[str], None]) -> float:
    """Milliseconds from the start of a POST to the relay's acceptance, when nothing else happens (median)."""
    say(f"POST to SMTP when idle, {messages} times")
    stand.clear("bench")
    sink = Sink()
    api = stand.program(API, "bench")
    worker = stand.worker("bench", sink.port)
    caller = stand.callers["bench"]
    took = []
    for _ in range(messages):
        # at any moment of the second at which the worker looks by itself
        time.sleep(random.uniform(0.1, 0.5))
        began = time.monotonic()
        message = _post(api.port, caller)
        arrived = sink.ask(f"arrived {message} 10", Arrival).at
        if arrived is None:
            raise BenchError("a message did not arrive within 10 s")
        took.append(1000 * (arrived - began))
    worker.stop()
    api.stop()
    sink.close()
    return median(took)
