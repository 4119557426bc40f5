"""Characters that take no room or look like a space, and travel along when a recipient is copied from a page."""

from __future__ import annotations

import re

# Mongolian vowel separator, zero-width space, non-joiner, joiner, word joiner, byte order mark.
_ZERO_WIDTH = "\u180e\u200b\u200c\u200d\u2060\ufeff"

_ANY = re.compile(rf"[\s{_ZERO_WIDTH}]+")
_INVISIBLE = re.compile(rf"[{_ZERO_WIDTH}]+")


def without_spaces(text: str) -> str:
    """The text with every kind of white space taken out (phone numbers)."""
    return _ANY.sub("", text)


def trimmed(text: str) -> str:
    """The text without zero-width characters, and without white space at either end (e-mail addresses)."""
    return _INVISIBLE.sub("", text).strip()
