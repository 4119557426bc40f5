"""Characters that need care: white space that nobody sees, HTML, and addresses inside attributes."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

ZERO_WIDTH = "\u180e\u200b\u200c\u200d\u2060\ufeff\u2028\u2029"
WIDE_SPACES = "\u00a0\u202f"

_OBSCURE_TO_PLAIN = {ord(c): None for c in ZERO_WIDTH} | {ord(c): " " for c in WIDE_SPACES}
_OBSCURE_TO_NOTHING = {ord(c): None for c in ZERO_WIDTH + WIDE_SPACES}
_ASCII_SPACE = " \t\n\r\x0b\x0c"
_KEPT_ENTITY = re.compile(r"(&nbsp;|&amp;)")
# longer numbers stay text: Python refuses to read one of more than 4,300 digits
_ENTITY = re.compile(r"&(?:#[0-9]{1,1000}|#[xX][0-9a-fA-F]{1,1000}|[^\t\n\f <&#;]{1,32});")
_KNOWN_SCHEMES = ("http:", "https:", "ftp:", "file:", "mailto:", "tel:")
_KEPT_IN_HREF = ":/?#=&;%"


def normalise_space(text: str) -> str:
    """One line's white space made plain: none at the ends, one space inside, nothing invisible."""
    return " ".join(text.translate(_OBSCURE_TO_PLAIN).split())


def strip_obscure(text: str) -> str:
    """A list item without invisible characters and without white space at its ends."""
    return text.translate(_OBSCURE_TO_NOTHING).strip(_ASCII_SPACE)


def unescape(text: str) -> str:
    """Entities that end in a semicolon become characters; `&copy=1` in an address stays as it is."""
    return _ENTITY.sub(lambda found: html.unescape(found.group()), text) if "&" in text else text


def escape_html(text: str) -> str:
    """Text made safe between HTML tags. Quotes stay (typography needs them); `&nbsp;` and `&amp;` survive."""
    if "&" not in text:
        return text.replace("<", "&lt;").replace(">", "&gt;")
    pieces = _KEPT_ENTITY.split(text)
    pieces[::2] = [html.escape(unescape(piece), quote=False) for piece in pieces[::2]]
    return "".join(pieces)


def quoted_href(link: str) -> str:
    """A link's target, already escaped for HTML, made safe inside a double-quoted attribute."""
    # surrogates cannot be encoded: "replace" keeps rendering from failing on them
    return quote(link, safe=_KEPT_IN_HREF, errors="replace")


def with_scheme(link: str) -> str:
    """A target whose scheme is known; anything else (`javascript:` too) is taken for a web address."""
    return link if link.lower().startswith(_KNOWN_SCHEMES) else f"http://{link}"
