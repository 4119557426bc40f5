"""What stands inside a block: links, bare web addresses, line breaks and escapes. No emphasis, no code.

Linear in the length of the text, as `blocks` is.
"""

from __future__ import annotations

import re
from typing import Protocol

from services.notify.rendering.blocks import References

_SPECIAL = re.compile(r"[\\<!\[\n]|https?://")
_ESCAPED = re.compile(r"\\([\\`*{}\[\]()#+\-.!_>~|])")
_ADDRESS = re.compile(r"""https?://[^\s<]+[^<.,:"')\]\s]""")
_ANGLED = re.compile(r"<([^ <>]+)>")
_LABEL = re.compile(r"[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*")
_TITLE = re.compile(r"""\s+['"]([\s\S]{0,500}?)['"]\s*\)""")
_TITLE_START = re.compile(r"""\s['"]""")
_NAMED = re.compile(r"\s*\[([^^\[\]]*)\]")
_LONGEST_TARGET = 8_000  # characters looked at for the end of a link's target


class InlineWriter(Protocol):
    """One channel's way to write what stands inside a block."""

    line_break: str

    def link(self, target: str, title: str | None, words: str) -> str: ...

    def bare_address(self, address: str) -> str: ...


def write_inline(text: str, writer: InlineWriter, references: References) -> str:
    """The content of one block as the channel shows it."""
    return _Inline(writer, references).write(text.rstrip("\n"), in_link=False)


class _Inline:
    def __init__(self, writer: InlineWriter, references: References) -> None:
        self._writer = writer
        self._references = references
        self._close = 0  # the first closing bracket at or after where it was last looked for

    def write(self, text: str, *, in_link: bool) -> str:
        out: list[str] = []
        at = 0
        last_break = len(text.rstrip())
        while found := _SPECIAL.search(text, at):
            out.append(text[at : found.start()])
            special = found.group()
            if special == "\n" and found.start() < last_break:
                out[-1] = out[-1].rstrip(" ")
                out.append(self._writer.line_break)
                at = found.end()
                continue
            written, at = self._special(text, found.start(), special, in_link)
            out.append(written)
        out.append(text[at:])
        return "".join(out)

    def _special(self, text: str, at: int, special: str, in_link: bool) -> tuple[str, int]:
        """What one special character begins, and where it ends; the character itself when it begins nothing."""
        if special == "\\" and (escaped := _ESCAPED.match(text, at)):
            return escaped.group(1), escaped.end()
        if special == "<" and (angled := _ANGLED.match(text, at)):
            address = angled.group(1)
            if (sign := _address_sign(address)) is not None:
                plain = in_link or sign == "@"
                return address if plain else self._writer.bare_address(address), angled.end()
        if special[0] == "h" and (address_found := _ADDRESS.match(text, at)):
            address = address_found.group()
            return address if in_link else self._writer.bare_address(address), address_found.end()
        if special == "[" or (special == "!" and text[at + 1 : at + 2] == "["):
            return self._bracketed(text, at, in_link)
        return text[at], at + 1

    def _bracketed(self, text: str, at: int, in_link: bool) -> tuple[str, int]:
        is_image = text[at] == "!"
        start = at + 2 if is_image else at + 1
        label = _LABEL.match(text, start)
        end = label.end() if label else start
        if text[end : end + 1] != "]":
            return text[at], at + 1
        target = self._target(text, end + 1) or self._named_target(text, end + 1, text[start:end])
        if target is None:
            return text[at], at + 1
        address, title, after = target
        if is_image:
            return "", after
        words = _Inline(self._writer, self._references).write(text[start:end].rstrip("\n"), in_link=True)
        return (words if in_link else self._writer.link(address, title, words)), after

    def _target(self, text: str, at: int) -> tuple[str, str | None, int] | None:
        """`(address "title")`: the address runs to the first bracket that closes."""
        if text[at : at + 1] != "(":
            return None
        if self._close < at:
            # remembered: a text full of opening brackets must not be searched to its end for each
            found = text.find(")", at)
            self._close = len(text) if found < 0 else found
        close = self._close
        if close >= min(at + _LONGEST_TARGET, len(text)):
            return None
        written = text[at + 1 : close]
        quote = _TITLE_START.search(written)
        if quote and (titled := _TITLE.match(text, at + 1 + len(written[: quote.start() + 1].rstrip()))):
            address = text[at + 1 : titled.start()].strip()
            return _without_angles(address), titled.group(1), titled.end()
        return _without_angles(written.strip()), None, close + 1

    def _named_target(self, text: str, at: int, label: str) -> tuple[str, str | None, int] | None:
        """`[label][name]` or `[name]`, with `[name]: address` elsewhere in the body."""
        if not self._references:
            return None
        named = _NAMED.match(text, at)
        if named and (found := self._references.find(named.group(1) or label)):
            return (*found, named.end())
        found = self._references.find(label)
        return (*found, at) if found else None


def _address_sign(inside: str) -> str | None:
    """The last `@` or `:` between other characters, which makes `<…>` an address."""
    at = max(inside.rfind("@", 1, -1), inside.rfind(":", 1, -1))
    return inside[at] if at > 0 else None


def _without_angles(address: str) -> str:
    return address[1:-1] if address[:1] == "<" and address[-1:] == ">" else address
