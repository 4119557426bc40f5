"""Header lines of an e-mail (RFC 5322, RFC 2047), safe against injection: whatever the text, one header stays one."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

_LINE: Final = 76  # characters of a line that holds encoded words (RFC 2047 section 2)
_WORD_FRAME: Final = len("=?utf-8?B??=")
_PLAIN: Final = 66  # characters of a subject that need no folding
_LONGEST_URL: Final = 900  # a line ends at 998, and a URL cannot be folded
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_URL = re.compile(r"https?://[!#-;=?-~]+")  # printable ASCII but space, quote and angle brackets


def one_line(text: str) -> str:
    """The text with line ends and other control characters folded into single spaces."""
    return (text if text.isprintable() else _CONTROLS.sub(" ", text)).strip()


def encoded_words(text: str, *, used: int) -> str:
    """RFC 2047 words in folded lines. used: characters that the header's first line holds already."""
    raw = text.encode("utf-8", "replace")
    words: list[str] = []
    start, room = 0, (_LINE - used - _WORD_FRAME) // 4 * 3
    while start < len(raw):
        end = min(start + room, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # a word holds whole characters
            end -= 1
        words.append(f"=?utf-8?B?{binascii.b2a_base64(raw[start:end], newline=False).decode('ascii')}?=")
        start, room = end, (_LINE - 1 - _WORD_FRAME) // 4 * 3
    return "\r\n ".join(words)


def _folded(text: str, used: int) -> str | None:
    """ASCII text folded at its spaces; None if it cannot be: a word too long, or spaces that folding would lose."""
    lines: list[str] = []
    line, room = "", _LINE - used
    for word in text.split(" "):
        if not word or len(word) > _PLAIN:
            return None
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _LINE - 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def subject_header(subject: str) -> str:
    """The Subject line, without its line end."""
    subject = one_line(subject)
    if subject.isascii() and "=?" not in subject:
        if len(subject) <= _PLAIN:
            return f"Subject: {subject}"
        if (folded := _folded(subject, len("Subject: "))) is not None:
            return f"Subject: {folded}"
    return f"Subject: {encoded_words(subject, used=len('Subject: '))}"


def mailbox(name: str, address: str, *, header: str) -> str:
    """`"Name" <local@domain>` for a header such as From. address: as `wire_address` gives it."""
    name = one_line(name)
    if not name:
        return f"<{address}>"
    if name.isascii() and "=?" not in name and len(name) <= _PLAIN:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encoded_words(name, used=len(header) + 2)}\r\n <{address}>"


def safe_url(url: str) -> str:
    """The URL in ASCII, fit to stand between angle brackets. Raises ValueError."""
    if not url.isascii():
        url = quote(url, safe="!#$%&'()*+,-./:;=?@[]~_")
    if len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        raise ValueError("not a URL that a header can hold")
    return url


@lru_cache(maxsize=64)
def date_header(epoch_s: int) -> str:
    """The Date line of a second (RFC 5322 section 3.3), in UTC, without its line end."""
    return f"Date: {format_datetime(datetime.fromtimestamp(epoch_s, UTC))}"
