"""The files that a commit would hold."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

_NEVER = frozenset({".git", ".venv", "var", "node_modules", "build", "dist"})


def _from_git(root: Path) -> list[Path] | None:
    """What git tracks, and new files that it does not ignore; None where there is no repository."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return [root / name for name in listed.decode().split("\0") if name]


def _from_disk(root: Path) -> list[Path]:
    """An unpacked archive has no repository: everything but what is built."""
    return [path for path in root.rglob("*") if not _NEVER.intersection(path.relative_to(root).parts)]


def files(root: Path) -> list[Path]:
    """Every file, in order of path."""
    found = _from_git(root)
    return sorted(path for path in (_from_disk(root) if found is None else found) if path.is_file())


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Path below the root, and content, of every file that is text."""
    for path in files(root):
        try:
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
