"""Measure accepting: hello-world, without storage, whole; and whole on a full table against an empty one."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import msgspec

from tests.bench.filling import fill
from tests.bench.load import Job, Outcome
from tests.bench.stand import Load, Program, Stand

CONNECTIONS = (4, 32, 128)
API = "services.notify.api"
Say = Callable[[str], None]


class Accepting(msgspec.Struct, frozen=True, kw_only=True):
    """Medians at one number of connections."""

    connections: int
    hello: Outcome
    unstored: Outcome
    whole: Outcome


class OnFullTable(msgspec.Struct, frozen=True, kw_only=True):
    """Accept rates of the interleaved runs, and how many messages stood in the full table."""

    messages: int
    empty: list[float]
    full: list[float]

    @property
    def ratio(self) -> float:
        return median(self.full) / median(self.empty)


def middle(outcomes: list[Outcome]) -> Outcome:
    """The median of each figure."""
    return Outcome(
        rate=median(o.rate for o in outcomes),
        p50_ms=median(o.p50_ms for o in outcomes),
        p99_ms=median(o.p99_ms for o in outcomes),
        statuses={},
    )


def _cleared(stand: Stand, load: Load, database: str, job: Job) -> Outcome:
    stand.clear(database)
    return load.run(job)


def measure_accepting(
    stand: Stand, load: Load, *, rounds: int, seconds: float, say: Say
) -> tuple[list[Accepting], Program]:
    """Interleaved runs of the three programs; gives also the whole API, still running, for its memory."""
    caller = stand.callers["bench"]
    hello = stand.program("tests.bench.hello", "bench")
    unstored = stand.program("tests.bench.unstored", "bench")
    whole = stand.program(API, "bench")
    found = []
    for connections in CONNECTIONS:
        say(f"accepting at {connections} connections")
        outcomes: dict[str, list[Outcome]] = {"hello": [], "unstored": [], "whole": []}
        for _ in range(rounds):
            job = Job(port=hello.port, connections=connections, seconds=seconds)
            outcomes["hello"].append(load.run(job))
            job = Job(port=unstored.port, connections=connections, seconds=seconds, caller=caller)
            outcomes["unstored"].append(load.run(job))
            job = Job(port=whole.port, connections=connections, seconds=seconds, caller=caller)
            outcomes["whole"].append(_cleared(stand, load, "bench", job))
        found.append(Accepting(connections=connections, **{name: middle(runs) for name, runs in outcomes.items()}))
    hello.stop()
    unstored.stop()
    return found, whole


def measure_full_table(
    stand: Stand, load: Load, *, messages: int, rounds: int, seconds: float, say: Say
) -> OnFullTable:
    """Accept on an empty and on a full table in turns, at 32 connections."""
    caller = stand.make_database("large")
    say(f"filling a table with {messages:,} messages")
    stand.run(fill(stand.dsn("large"), caller, messages))
    programs = {name: stand.program(API, name) for name in ("bench", "large")}
    rates: dict[str, list[float]] = {"bench": [], "large": []}
    for turn in range(rounds):
        say(f"accepting on an empty and a full table, {turn + 1} of {rounds}")
        for name, program in programs.items():
            job = Job(port=program.port, connections=32, seconds=seconds, caller=stand.callers[name])
            if name == "bench":
                outcome = _cleared(stand, load, name, job)
            else:
                stand.run(stand.execute(name, "truncate notify.work", "checkpoint"))
                outcome = load.run(job)
            rates[name].append(outcome.rate)
    for program in programs.values():
        program.stop()
    return OnFullTable(messages=messages, empty=rates["bench"], full=rates["large"])
