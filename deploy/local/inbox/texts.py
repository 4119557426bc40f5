"""How long a text is on the air."""

from __future__ import annotations

# Source: 3GPP TS 23.038, default alphabet and its extension table; TS 23.040 for the length of joined parts.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def _parts(units: int, alone: int, joined: int) -> int:
    return 1 if units <= alone else -(-units // joined)


def count_parts(text: str) -> int:
    """How many messages a phone network carries for this text (at least 1).

    In the default alphabet 160 units fit alone and 153 when joined (an extended character takes two); one character
    outside of it turns the whole text to 16 bits a unit: 70 alone, 67 joined.
    """
    if all(character in _BASIC or character in _EXTENDED for character in text):
        return _parts(len(text) + sum(character in _EXTENDED for character in text), 160, 153)
    return _parts(len(text.encode("utf-16-le")) // 2, 70, 67)
