"""Locked requirements: every package pinned with hashes, and no word of where it comes from."""

from __future__ import annotations

import re
from pathlib import Path

_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[^\s;\\]+")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
_INDEX = re.compile(r"://|--(extra-)?index-url|--find-links|(^|\s)-[if]\s|--trusted-host")
_LOCKS = "requirements*.lock"


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their continuations, by number of the first."""
    found: list[tuple[int, str]] = []
    is_open = False
    for number, line in enumerate(text.splitlines(), 1):
        if is_open:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            found.append((number, line.strip()))
        is_open = line.rstrip().endswith("\\")
    return [(number, line) for number, line in found if line and not line.startswith("#")]


def faults(root: Path) -> list[str]:
    """An index address, a line that pins nothing, a package without a hash, or no lock at all."""
    locks = sorted(root.glob(_LOCKS))
    found = [] if locks else [f"{_LOCKS}: there is none"]
    for path in locks:
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            if _INDEX.search(line):
                found.append(f"{path.name}:{number}: names where packages come from")
        for number, line in _logical_lines(text):
            if _INDEX.search(line):
                continue
            if not _PINNED.match(line):
                found.append(f"{path.name}:{number}: pins no version")
            elif not _HASH.search(line):
                found.append(f"{path.name}:{number}: has no hash")
    return found
