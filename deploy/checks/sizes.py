"""No file is longer than a reader takes in: 400 lines."""

from __future__ import annotations

from pathlib import Path

from deploy.checks import tree

MOST_LINES = 400
_KINDS = (".py", ".html", ".sql")


def faults(root: Path) -> list[str]:
    """Every Python, HTML or SQL file above the limit."""
    return [
        f"{name}: {count} lines, {MOST_LINES} are allowed: split it"
        for name, text in tree.texts(root)
        if name.endswith(_KINDS) and (count := len(text.splitlines())) > MOST_LINES
    ]
