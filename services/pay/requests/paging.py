"""Pages of a search: their sums, their links, and our additional cursor (contract section 1.9)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct, field

DEFAULT_SIZE = 500
LARGEST_SIZE = 500


class Href(Struct, frozen=True):
    href: str


class Navigation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the other pages are; the first has no prev_page, the last no next_page."""

    itself: Href = field(name="self")
    first_page: Href
    last_page: Href
    prev_page: Href | None = None
    next_page: Href | None = None


class Window(Struct, frozen=True, kw_only=True):
    """Which part of a search's results is asked for.

    page: from 1. after: our addition, the last identifier of the page before; then page counts for nothing.
    """

    page: int = 1
    size: int = DEFAULT_SIZE
    after: UUID | None = None

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size


def last_page(total: int, size: int) -> int:
    return max(1, -(-total // size))


def is_beyond(window: Window, total: int) -> bool:
    """Whether the page asked for is a 404: it lies beyond the last one of a search that found something."""
    return window.after is None and total > 0 and window.page > last_page(total, window.size)


def navigation(url: str, asked: Mapping[str, str], window: Window, total: int) -> Navigation:
    """The links of one page. url: of the search, without query. asked: the parameters sent, but for those of paging."""
    last = last_page(total, window.size)

    def to(page: int) -> Href:
        return Href(f"{url}?{urlencode({**asked, 'page': page, 'display_size': window.size})}")

    return Navigation(
        itself=to(window.page),
        first_page=to(1),
        last_page=to(last),
        prev_page=to(window.page - 1) if window.page > 1 else None,
        next_page=to(window.page + 1) if window.page < last else None,
    )


def cursor_of(identifier: UUID) -> str:
    """The text by which a caller asks for what comes after this row."""
    return base64.urlsafe_b64encode(identifier.bytes).decode().rstrip("=")


def read_cursor(text: str) -> UUID | None:
    """The identifier behind a cursor; None if the text is none of ours."""
    try:
        raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
        found = UUID(bytes=raw)
    except (binascii.Error, ValueError):
        return None
    return found if cursor_of(found) == text else None
