"""Migration steps: numbered without gaps, one chain with one head, and each says why it is and how to undo it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

_STEP = re.compile(r"(\d{4})_[a-z0-9_]+\.(py|sql)")


class _Step(NamedTuple):
    name: str
    number: str
    header: str
    revision: object
    before: object


def folders(root: Path) -> list[Path]:
    """Where steps stand: identity, then each service."""
    return [root / "common" / "migrations" / "platform", *sorted((root / "services").glob("*/migrations"))]


def _read(path: Path, number: str) -> _Step:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, object] = {}
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        if len(targets) == 1 and isinstance(targets[0], ast.Name) and isinstance(statement.value, ast.Constant):
            constants[targets[0].id] = statement.value.value
    return _Step(
        path.name, number, ast.get_docstring(tree) or "", constants.get("revision"), constants.get("down_revision")
    )


def _header_faults(where: str, header: str) -> list[str]:
    lines = header.splitlines()
    found = [] if lines and lines[0].strip() else [f"{where}: has no header"]
    return found + [
        f"{where}: the header does not say {word.lower()} (a line `{word}: …`)"
        for word in ("Why", "Undo")
        if not any(re.match(rf"{word}: \S", line) for line in lines)
    ]


def _folder_faults(root: Path, folder: Path) -> list[str]:
    at = folder.relative_to(root).as_posix()
    found: list[str] = []
    steps: list[_Step] = []
    for path in sorted(folder.glob("*.py")):
        if path.name == "__init__.py":
            continue
        match = _STEP.fullmatch(path.name)
        if match is None:
            found.append(f"{at}/{path.name}: is not named NNNN_slug.py")
            continue
        steps.append(_read(path, match[1]))
    if not steps:
        found.append(f"{at}: holds no step")
    for place, step in enumerate(steps):
        where, before = f"{at}/{step.name}", f"{place:04d}" if place else None
        if step.number != f"{place + 1:04d}":
            found.append(f"{where}: should be number {place + 1:04d}: numbers have no gaps and no twins")
        elif step.revision != step.number:
            found.append(f"{where}: revision must be {step.number!r}")
        elif step.before != before:
            found.append(f"{where}: down_revision must be {before!r}")
        found += _header_faults(where, step.header)
    behind = {step.before for step in steps}
    heads = [step.name for step in steps if step.revision not in behind]
    if len(heads) > 1:
        found.append(f"{at}: has {len(heads)} heads: {', '.join(heads)}")
    return found


def faults(root: Path) -> list[str]:
    """What is wrong with any schema's steps. (That a released step never changes is checked from the first release.)"""
    return [fault for folder in folders(root) for fault in _folder_faults(root, folder)]
