"""`make bench`, or `make bench BENCH=quick`, which leaves out the full table and shortens the rest."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from common.embedded import EmbeddedError
from tests.bench.accepting import measure_accepting, measure_full_table
from tests.bench.delivering import measure_delivering, measure_idle
from tests.bench.report import Figures, save, show
from tests.bench.stand import BenchError, Load, Stand, a_stand


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Notify on this machine.")
    parser.add_argument("--quick", action="store_true", default=os.environ.get("BENCH") == "quick")
    parser.add_argument("--messages", type=int, default=5_000_000, help="messages in the full table")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args()


def say(text: str) -> None:
    """Progress, apart from the table."""
    print(f"  {text} …", file=sys.stderr, flush=True)


def measure(stand: Stand, load: Load, *, quick: bool, messages: int) -> Figures:
    """Everything in one run."""
    stand.make_database("bench")
    rounds, seconds = (3, 1.5) if quick else (5, 3.0)
    accepting, api = measure_accepting(stand, load, rounds=rounds, seconds=seconds, say=say)
    api_mb = api.memory_mb()
    api.stop()
    figures = Figures(
        accepting=accepting,
        api_mb=api_mb,
        delivering=measure_delivering(stand, load, messages=5_000 if quick else 20_000, rounds=3, say=say),
        idle_ms=measure_idle(stand, messages=15 if quick else 50, say=say),
    )
    if not quick:
        figures.full_table = measure_full_table(stand, load, messages=messages, rounds=5, seconds=seconds, say=say)
    return figures


def main() -> int:
    """Measure and print. Other work on the machine falsifies the figures, so its load is shown first."""
    arguments = _arguments()
    load_average, cores = os.getloadavg()[0], os.cpu_count() or 1
    print(f"{cores} cores, load average {load_average:.1f} before the start", flush=True)
    try:
        with a_stand() as stand:
            load = Load()
            figures = measure(stand, load, quick=arguments.quick, messages=arguments.messages)
            load.close()
    except (BenchError, EmbeddedError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(figures)
    if arguments.json is not None:
        save(figures, arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
