"""The block grammar of a template: headings, lists, insets, rules and paragraphs.

It is its own small parser because templates are written for the grammar of mistune 0.8 as GOV.UK Notify bent it:
no space needed after `#` or a bullet, `^` for an inset, a list that two blank lines always end. mistune 3 follows
CommonMark, which differs in each of these. Every step is linear in the length of the text (a body may have
2,000,000 bytes and hold values that strangers wrote).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

_DEEPEST = 6  # lists in lists, insets in insets; deeper ones are shown as text
_TAB = 4
_REFERENCE_ROOM = 100_000  # characters

_BREAKS = re.compile(r"\n+")
_RULE = re.compile(r" {0,3}[-*_](?: *[-*_]){2,} *(?:\n+|\Z)")
_INDENTED = re.compile(r"(?: {4}[^\n]+\n*)+")
_INDENT = re.compile(r"^ {4}", re.MULTILINE)
# possessive: else a long run of ~ or of spaces is cut in every way; at most 100, as each length is looked for by itself
_FENCE = re.compile(r" *(`{3,100}|~{3,100}+) *+[^`\s]*+ *+\n")
_HEADING = re.compile(r" *(#{1,6})([^\n]+)(?:\n+|\Z)")
_UNDERLINED = re.compile(r"([^\n]+)\n *[=-]*([=-]) *(?:\n+|\Z)")
_INSET = re.compile(r"(?: *\^[^\n]+(?:\n[^\n]+)*\n*)+")
_INSET_MARK = re.compile(r"^ *\^ ?", re.MULTILINE)
_BULLET = re.compile(r"( *)([•*-]|\d+\.)")
_NEXT_PARAGRAPH_BULLET = re.compile(r" *(?:[*+-](?:\d+\.)?|\d+\.) [\s\S]")
_REFERENCE = re.compile(r' *\[([^^\]\n]+)\]: *<?([^\s>]+)>?(?: +["(]([^\n]+)[")])? *(?:\n+|\Z)')
_TABLE = re.compile(r" *\|[^\n]+\n *\| *[-:][-| :]*\n(?: *\|[^\n]*(?:\n|\Z))*\n*")
_OPEN_TABLE = re.compile(r" *(?:\|[^\n|]*|[^\s|][^\n|]*)\|[^\n]*\n *[-:]+ *\|[-| :]*\n(?:[^\n|]*\|[^\n]*(?:\n|\Z))*\n*")
_MARK_IN_PARAGRAPH = re.compile(r" *[-*_#>`~\[+\d]")
_SPACES_ONLY = re.compile(r"^ +$", re.MULTILINE)


class Heading(Struct, frozen=True):
    level: int
    text: str


class Paragraph(Struct, frozen=True):
    text: str


class Words(Struct, frozen=True):
    """A line of a list item."""

    text: str


class Raw(Struct, frozen=True):
    """Indented or fenced text, shown as typed."""

    text: str


class Gap(Struct, frozen=True):
    """Blank lines that belong to no block."""


class Rule(Struct, frozen=True):
    pass


class Inset(Struct, frozen=True):
    blocks: list[Block]


class Item(Struct, frozen=True):
    """`loose`: a blank line stands in or next to it, so its lines are paragraphs."""

    blocks: list[Block]
    loose: bool


class Bullets(Struct, frozen=True):
    ordered: bool
    items: list[Item]


Block = Heading | Paragraph | Words | Raw | Gap | Rule | Inset | Bullets
BlockRule = Callable[[str, int], tuple[Block | None, int]]  # text, where → block (or nothing to show), where it ends


class References:
    """The `[name]: address "title"` lines of a body, for `[text][name]`.

    What they add to the text is limited to the length of the text itself (or 100,000 characters): one long address
    with many short links to it would be gigabytes otherwise. Past that a link is shown as typed.
    """

    def __init__(self, text_length: int) -> None:
        self._known: dict[str, tuple[str, str | None]] = {}
        self._room = max(text_length, _REFERENCE_ROOM)

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, name: str, address: str, title: str | None) -> None:
        """Of two lines with a name the later counts."""
        self._known[_reference_key(name)] = (address, title)

    def find(self, name: str) -> tuple[str, str | None] | None:
        """Address and title. Case and the amount of white space in a name do not matter."""
        found = self._known.get(_reference_key(name))
        if found is None:
            return None
        self._room -= len(found[0]) + len(found[1] or "")
        return found if self._room >= 0 else None


def _reference_key(name: str) -> str:
    return " ".join(name.lower().split())


class Document(Struct, frozen=True):
    """A whole body."""

    blocks: list[Block]
    references: References


def parse(text: str) -> Document:
    """Cut a whole body into blocks."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(_TAB).replace("\u2424", "\n")
    parser = _Parser(len(text))
    return Document(parser.blocks(_SPACES_ONLY.sub("", text), in_item=False), parser.references)


class _Parser:
    def __init__(self, text_length: int) -> None:
        self.references = References(text_length)
        self._lists = 0
        self._insets = 0
        body: list[BlockRule] = [self._rule, self._indented, self._fenced, self._heading, self._table, self._underlined]
        self._in_body: list[BlockRule] = [*body, self._inset, self._bullets, self._reference, self._paragraph]
        self._in_item: list[BlockRule] = [
            self._indented,
            self._fenced,
            self._underlined,
            self._rule,
            self._inset,
            self._bullets,
        ]
        self._in_item.append(self._words)
        self._plain_line: list[BlockRule] = [self._table, self._underlined, self._paragraph]
        self._unclosed: set[str] = set()

    def blocks(self, text: str, *, in_item: bool) -> list[Block]:
        text = text.rstrip("\n")
        outside, self._unclosed = self._unclosed, set()
        found: list[Block] = []
        at = 0
        while at < len(text):
            if text[at] == "\n":
                after = _BREAKS.match(text, at).end()  # type: ignore[union-attr]
                if after - at > 1:
                    found.append(Gap())
                at = after
                continue
            if in_item:
                rules = self._in_item
            else:
                rules = self._plain_line if text[at].isalpha() else self._in_body
            for rule in rules:
                block, after = rule(text, at)
                if after > at:
                    break
            if block is not None:
                found.append(block)
            at = after
        self._unclosed = outside
        return found

    def _rule(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _RULE.match(text, at)
        return (Rule(), found.end()) if found else (None, at)

    def _indented(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _INDENTED.match(text, at)
        return (Raw(_INDENT.sub("", found.group())), found.end()) if found else (None, at)

    def _fenced(self, text: str, at: int) -> tuple[Block | None, int]:
        opening = _FENCE.match(text, at)
        if opening is None:
            return None, at
        mark = opening.group(1)
        if mark in self._unclosed:
            return None, at
        closing = re.compile(rf"{re.escape(mark)} *(?:\n+|\Z)").search(text, opening.end() + 1)
        if closing is None:
            # remembered: a text full of opening fences must not be searched to its end for each
            self._unclosed.add(mark)
            return None, at
        return Raw(text[opening.end() : closing.start()].rstrip()), closing.end()

    def _heading(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _HEADING.match(text, at)
        if found is None:
            return None, at
        words = found.group(2).strip(" ").rstrip("#").rstrip(" ")
        # an empty heading would be read out as one: it is left away
        return (Heading(len(found.group(1)), words) if words else None), found.end()

    def _underlined(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _UNDERLINED.match(text, at)
        return (Heading(1 if found.group(2) == "=" else 2, found.group(1)), found.end()) if found else (None, at)

    def _table(self, text: str, at: int) -> tuple[Block | None, int]:
        """Tables are removed: no layout of ours can be sure to show them."""
        found = _OPEN_TABLE.match(text, at) or _TABLE.match(text, at)
        return None, found.end() if found else at

    def _reference(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _REFERENCE.match(text, at)
        if found is None:
            return None, at
        self.references.add(*found.groups())
        return None, found.end()

    def _inset(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _INSET.match(text, at)
        if found is None:
            return None, at
        if self._insets >= _DEEPEST:
            return Inset([Words(found.group())]), found.end()
        self._insets += 1
        block = Inset(self.blocks(_INSET_MARK.sub("", found.group()), in_item=False))
        self._insets -= 1
        return block, found.end()

    def _words(self, text: str, at: int) -> tuple[Block | None, int]:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        return Words(text[at:end]), end

    def _paragraph(self, text: str, at: int) -> tuple[Block | None, int]:
        end = text.find("\n", at)
        while end >= 0 and end + 1 < len(text) and text[end + 1] != "\n" and not self._interrupts(text, end + 1):
            end = text.find("\n", end + 1)
        end = len(text) if end < 0 else end
        blank = _BREAKS.match(text, end)
        return Paragraph(text[at:end]), blank.end() if blank else end

    def _interrupts(self, text: str, at: int) -> bool:
        """Whether a line ends the paragraph above it. `•` and `^` do not; a quoting `>` does."""
        if _UNDERLINED.match(text, at):
            return True
        mark = _MARK_IN_PARAGRAPH.match(text, at)
        if mark is None:
            return False
        if mark.group()[-1] == ">" and text[mark.end() : mark.end() + 1] not in ("", "\n"):
            return True
        if _NEXT_PARAGRAPH_BULLET.match(text, at) or _RULE.match(text, at):
            return True
        return bool(_HEADING.match(text, at) or _REFERENCE.match(text, at)) or self._fenced(text, at)[1] > at

    def _bullets(self, text: str, at: int) -> tuple[Block | None, int]:
        found = _BULLET.match(text, at)
        if found is None or found.end() >= len(text):
            return None, at
        indent, bullet = found.groups()
        end = _list_end(text, found.end(), indent)
        if self._lists >= _DEEPEST:
            return Bullets("." in bullet, [Item([Words(text[at:end])], loose=False)]), end
        self._lists += 1
        block = Bullets("." in bullet, self._items(text[at:end], indent))
        self._lists -= 1
        return block, end

    def _items(self, text: str, indent: str) -> list[Item]:
        starts_item = re.compile(rf"{indent}(?:[•*-]|\d+\.)")
        written: list[list[str]] = []
        for line in text.split("\n"):
            if not written or starts_item.match(line):
                written.append([line])
            else:
                written[-1].append(line)
        items: list[Item] = []
        follows_gap = False
        for number, lines in enumerate(written):
            bullet = _BULLET.match(lines[0])
            width = bullet.end() if bullet else 0
            item = _outdented("\n".join([lines[0][width:], *lines[1:]]), width)
            loose = follows_gap or "\n\n" in item.rstrip()
            if number < len(written) - 1 and item:
                follows_gap = item.endswith("\n")
                loose = loose or follows_gap
            items.append(Item(self.blocks(item, in_item=True), loose))
        return items


def _outdented(item: str, width: int) -> str:
    """An item's lines without the indentation that its bullet asks for."""
    return re.sub(rf"^ {{1,{width}}}", "", item, flags=re.MULTILINE) if "\n " in item and width else item


def _list_end(text: str, at: int, indent: str) -> int:
    """Where a list stops: a rule, a reference, two blank lines, or one before something that is no part of it."""
    goes_on = re.compile(rf" |{indent}(?:[•*-]|\d+\.) ")
    rule = re.compile(rf"(?:{indent})?(?:[-*_] *){{3,}}(?:\n+|\Z)")
    for gap in _BREAKS.finditer(text, at + 1):
        end = gap.end()
        if end == len(text) or rule.match(text, end) or _REFERENCE.match(text, end):
            return end
        lines = end - gap.start()
        if lines > 2 or (lines == 2 and not goes_on.match(text, end)):
            return end
    return len(text)
