"""Links between the pages of the repository lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.checks import tree

_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def anchors(markdown: str) -> set[str]:
    """The names of a page's headings, as GitHub and most renderers make them."""
    plain = _FENCED.sub("", markdown)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(plain)}


def _fault(root: Path, page: Path, target: str) -> str | None:
    where, _, anchor = target.partition("#")
    path = (page.parent / where).resolve() if where else page
    if not path.exists() or not path.is_relative_to(root.resolve()):
        return f"leads to {target}, which is not there"
    if anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
        return f"leads to {target}: the page has no such heading"
    return None


def faults(root: Path) -> list[str]:
    """Every relative link of a Markdown page that leads nowhere; other sites are not asked."""
    found = []
    for name, text in tree.texts(root):
        if not name.endswith(".md"):
            continue
        for target in _LINK.findall(_CODE.sub("", _FENCED.sub("", text))):
            if not re.match(r"[a-z]+:", target) and (fault := _fault(root, root / name, target)):
                found.append(f"{name}: {fault}")
    return found
