"""Reading e-mail that may come from any program: nothing in a message may raise.

The parser runs under the compat32 policy: the newer policies raise on some malformed headers.
"""

from __future__ import annotations

import re
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser

import msgspec

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_OUR_ID = re.compile(r"^\s*<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class Headers(msgspec.Struct, frozen=True):
    """The headers of an e-mail, decoded, in the order in which they stand."""

    fields: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        wanted = name.casefold()
        return next((value for key, value in self.fields if key.casefold() == wanted), None)

    @property
    def our_id(self) -> str | None:
        """The message id of the sending system, from `Message-ID: <{uuid}@domain>`."""
        found = _OUR_ID.match(self.get("Message-ID") or "")
        return found.group(1).lower() if found else None


class Opened(msgspec.Struct, frozen=True):
    """An e-mail taken apart. text, html: None if the message has no such part."""

    headers: Headers
    text: str | None
    html: str | None
    attachments: list[str]


def _decoded(value: str) -> str:
    plain = _FOLD.sub("", value).encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
    if "=?" not in plain:
        return plain
    try:
        return str(make_header(decode_header(plain)))
    except (HeaderParseError, LookupError, ValueError):
        return plain


def _headers(message: Message) -> Headers:
    return Headers([(name, _decoded(str(value))) for name, value in message.raw_items()])


def read_headers(raw: bytes) -> Headers:
    """The headers alone, without a look at the body (quick: done for every message that arrives)."""
    end = _HEAD_END.search(raw)
    head = raw[: end.end()] if end else raw
    return _headers(BytesHeaderParser(policy=policy.compat32).parsebytes(head))


def _words(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        text = payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:  # a charset that nobody knows
        text = payload.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")


def open_email(raw: bytes) -> Opened:
    """Take a whole e-mail apart: the first plain text, the first HTML, the names of what is attached."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    bodies: dict[str, str] = {}
    attachments: list[str] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            bodies.setdefault(kind, _words(part))
        else:
            attachments.append(_decoded(part.get_filename() or kind))
    return Opened(_headers(message), bodies.get("text/plain"), bodies.get("text/html"), attachments)
