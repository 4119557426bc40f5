"""No file names a package registry: which one is used is a matter of the machine, not of the project."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.checks import tree

# written so that this file does not hold what it looks for
_REGISTRIES = re.compile(
    r"\b(?:pypi\.(?:org|io)|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|npm\.pkg\.github\.com"
    r"|(?:static\.|index\.)?crates\.io|rubygems\.org|proxy\.golang\.org|repo\.maven\.apache\.org)\b"
    r"|(?<![a-z])(?:index|registry)[-_]ur[li]\b[\"']?\s*[=:]?\s*[\"']?https?://",
    re.IGNORECASE,
)


def faults(root: Path) -> list[str]:
    """Every line that holds the address of a package registry."""
    return [
        f"{name}:{number}: holds the address of a package registry"
        for name, text in tree.texts(root)
        for number, line in enumerate(text.splitlines(), 1)
        if _REGISTRIES.search(line)
    ]
