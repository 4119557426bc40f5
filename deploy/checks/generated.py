"""The generated pages of docs/ say what the code says now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def faults(root: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """wanted: path below the root → what the page must hold. An OpenAPI page that nobody generates is a fault too."""
    found = []
    for name, content in wanted.items():
        path = root / name
        if not path.exists():
            found.append(f"{name}: is missing; run `make docs`")
        elif path.read_bytes() != content:
            found.append(f"{name}: differs from what the code says; run `make docs` and look at the difference")
    for path in sorted((root / "docs" / "openapi").glob("*.json")):
        if (name := path.relative_to(root).as_posix()) not in wanted:
            found.append(f"{name}: no program has this API any more; delete it")
    return found
