"""The table that `make bench` prints, and its goals (issue 2, "Fast")."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.accepting import Accepting, OnFullTable
from tests.bench.delivering import Delivering

WHOLE_OF_HELLO, WHOLE_OF_UNSTORED, P99_OF_P50, DELIVERY_OF_BARE, IDLE_MS, MEMORY_MB, FULL_OF_EMPTY = (
    0.28,
    0.8,
    4.0,
    0.6,
    100.0,
    150.0,
    0.85,
)


class Figures(msgspec.Struct, kw_only=True):
    """All that one run of the benchmark found. full_table None: left out."""

    accepting: list[Accepting]
    api_mb: float
    delivering: Delivering
    idle_ms: float
    full_table: OnFullTable | None = None


def _word(is_met: bool) -> str:
    return "[green]met[/]" if is_met else "[red]missed[/]"


class _Lines:
    def __init__(self) -> None:
        self.table = Table(title="Notify on this machine", title_justify="left")
        for name in ("measure", "connections", "a second", "p50 ms", "p99 ms", "ratio", "goal", ""):
            self.table.add_column(name, justify="left" if name in ("measure", "goal", "") else "right")

    def add(self, measure: str, *cells: str, is_met: bool | None = None) -> None:
        self.table.add_row(measure, *cells, "" if is_met is None else _word(is_met))


def _accepting(lines: _Lines, found: Accepting) -> None:
    count = str(found.connections)
    for name, outcome in (("hello-world POST", found.hello), ("accept without storage", found.unstored)):
        lines.add(name, count, f"{outcome.rate:,.0f}", f"{outcome.p50_ms:.2f}", f"{outcome.p99_ms:.2f}", "", "")
    whole = found.whole
    lines.add("accept whole", count, f"{whole.rate:,.0f}", f"{whole.p50_ms:.2f}", f"{whole.p99_ms:.2f}", "", "")
    ratios = (
        ("  whole : hello-world", whole.rate / found.hello.rate, WHOLE_OF_HELLO),
        ("  whole : without storage", whole.rate / found.unstored.rate, WHOLE_OF_UNSTORED),
    )
    for name, ratio, goal in ratios:
        # the goals are set at 32 connections
        is_met = ratio >= goal if found.connections == 32 else None
        lines.add(name, count, "", "", "", f"{ratio:.2f}", f"≥ {goal}" if is_met is not None else "", is_met=is_met)
    tail = whole.p99_ms / whole.p50_ms
    lines.add("  p99 : p50", count, "", "", "", f"{tail:.2f}", f"≤ {P99_OF_P50:.0f}", is_met=tail <= P99_OF_P50)
    lines.table.add_section()


def _delivering(lines: _Lines, figures: Figures) -> None:
    delivering = figures.delivering
    lines.add("bare aiosmtplib loop", "8", f"{delivering.bare:,.0f}", "", "", "", "")
    ratio = delivering.worker / delivering.bare
    is_met = ratio >= DELIVERY_OF_BARE
    goal = f"≥ {DELIVERY_OF_BARE} of the loop"
    lines.add("delivery", "8", f"{delivering.worker:,.0f}", "", "", f"{ratio:.2f}", goal, is_met=is_met)
    idle = figures.idle_ms
    lines.add("POST to SMTP, idle", "1", "", f"{idle:.1f}", "", "", f"< {IDLE_MS:.0f} ms", is_met=idle < IDLE_MS)
    lines.table.add_section()
    for name, memory in (("memory of the API", figures.api_mb), ("memory of the worker", delivering.worker_mb)):
        goal = f"< {MEMORY_MB:.0f} MB"
        lines.add(f"{name}: {memory:.0f} MB", "", "", "", "", "", goal, is_met=memory < MEMORY_MB)


def _full_table(lines: _Lines, found: OnFullTable | None) -> None:
    lines.table.add_section()
    if found is None:
        lines.add("accept on a full table: left out", "", "", "", "", "", "")
        return
    empty, full = sorted(found.empty)[len(found.empty) // 2], sorted(found.full)[len(found.full) // 2]
    lines.add("accept on an empty table", "32", f"{empty:,.0f}", "", "", "", "")
    lines.add(
        f"accept on {found.messages:,} messages",
        "32",
        f"{full:,.0f}",
        "",
        "",
        f"{found.ratio:.2f}",
        f"≥ {FULL_OF_EMPTY} of empty",
        is_met=found.ratio >= FULL_OF_EMPTY,
    )


def show(figures: Figures) -> None:
    """Print the table."""
    lines = _Lines()
    for found in figures.accepting:
        _accepting(lines, found)
    _delivering(lines, figures)
    _full_table(lines, figures.full_table)
    console = Console()
    if not console.is_terminal:
        console = Console(width=130)
    console.print(lines.table)


def save(figures: Figures, path: Path) -> None:
    """Write the figures as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
