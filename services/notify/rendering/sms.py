"""The characters of a text message: which ones are kept, and how many messages they make.

Source: 3GPP TS 23.038 (GSM 7-bit alphabet and its extension); section 1.8 of the contract for the rest.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

MOST_CHARACTERS = 918  # in UTF-16 units, without the prefix: six messages of 153

_EXTENSION = frozenset("^{}\\[~]|€")
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_WELSH = frozenset(
    unicodedata.normalize("NFC", letter + accent)
    for letter in "aeiouwyAEIOUWY"
    for accent in "\u0300\u0301\u0308\u0302"  # grave, acute, diaeresis, circumflex
)
_WELSH_ONLY = _WELSH - _BASIC  # one of these makes the whole message UCS-2
_KEPT = _BASIC | _EXTENSION | _WELSH
_REPLACED = {
    **dict.fromkeys("–—‑−", "-"),
    "…": "...",
    **dict.fromkeys("‘’‚", "'"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("\u00a0\u202f\t", " "),
    **dict.fromkeys("\u180e\u200b\u200c\u200d\u2060\ufeff\u2028\u2029", ""),
    "Ł": "L",
    "ł": "l",
}
_SPACE_BEFORE_POINT = re.compile(r"(?<![ \t])[ \t]+(?=[,.])")
_MANY_BREAKS = re.compile(r"\n{3,}")


class _Replacements(dict[int, str]):
    """What stands in for each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        return _downgraded(chr(code))


@lru_cache(maxsize=8_192)
def _downgraded(character: str) -> str:
    if character in _KEPT:
        return character
    if character in _REPLACED:
        return _REPLACED[character]
    parts = unicodedata.decomposition(character).split()
    if parts and not parts[0].startswith("<"):
        base = chr(int(parts[0], 16))
        return base if base in _KEPT else _downgraded(base)
    return "?"


# filled at import with the letters that nearly every message consists of; others go through the bounded cache
_TABLE = _Replacements({ord(c): c for c in _KEPT} | {ord(c): to for c, to in _REPLACED.items()})


def sanitise_sms(text: str) -> str:
    """A text as the network can carry it, its white space tidied."""
    text = _SPACE_BEFORE_POINT.sub("", text.translate(_TABLE))
    if "\n" not in text and "\r" not in text:
        return " ".join(text.split())
    # what is invisible went with the replacement, so that plain white space is all there is to tidy
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return _MANY_BREAKS.sub("\n\n", "\n".join(lines)).strip()


def with_prefix(text: str, prefix: str | None) -> str:
    """The text behind the service's name, as it is sent."""
    return f"{prefix.strip()}: {text}" if prefix else text


def sms_length(text: str) -> int:
    """Length in UTF-16 units, which the limit of 918 counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def sms_fragments(unsanitised: str) -> int:
    """How many messages a text is sent (and billed) as; give it with its prefix.

    UCS-2 when the text has a Welsh letter that the GSM alphabet lacks: 70 units, or 67 each. Otherwise 160, or 153
    each, where a character of the extension counts twice; what neither alphabet has is replaced before it is sent.
    """
    sent = sanitise_sms(unsanitised)
    units = sms_length(sent)
    if not unsanitised.isascii() and not _WELSH_ONLY.isdisjoint(unsanitised):
        return 1 if units <= 70 else math.ceil(units / 67)
    units += sum(map(sent.count, _EXTENSION))
    return 1 if units <= 160 else math.ceil(units / 153)
