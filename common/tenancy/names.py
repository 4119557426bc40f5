"""What an organisation, a service or a key may be called."""

from __future__ import annotations

import unicodedata

from common.errors import InvalidInput

_LONGEST_NAME = 200
# control characters colour and clear the terminals of those who read a name later; lone surrogates (a byte that is no
# UTF-8 on the command line) cannot be stored
_UNSEEN = frozenset({"Cc", "Cs"})
# they show the text after them in another order than it has: one name would pass for another
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_plain(text: str) -> bool:
    """Whether a text holds only what is seen as it is; joiners, which some scripts need, are plain."""
    return not any(letter in _TURNING or unicodedata.category(letter) in _UNSEEN for letter in text)


def read_name(text: str, field: str = "name") -> str:
    """A name as it is kept: spaces, tabs and line ends between words become one space. Raises InvalidInput."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidInput([{"field": field, "message": f"must be 1 to {_LONGEST_NAME} characters"}])
    if not is_plain(name):
        raise InvalidInput([{"field": field, "message": "must not hold control characters"}])
    return name
