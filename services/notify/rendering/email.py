"""A filled e-mail body as HTML, as plain text, and its subject: the whole way, for any values.

`skeleton` takes a short cut through these functions where the values allow it.
"""

from __future__ import annotations

import re

from services.notify.rendering.escaping import normalise_space, unescape
from services.notify.rendering.typography import nice_typography
from services.notify.rendering.writers import HtmlWriter, TextWriter, write_markdown

_GOV_UK = re.compile(r"((?:^|\s)[#*^]?GOV)\.(UK)(?![/?#])", re.IGNORECASE)
_UNSUPPORTED = {0x2028: None, 0x3164: None}

_HTML = HtmlWriter()
_TEXT = TextWriter()


def _prepared(filled: str) -> str:
    # a zero-width space keeps mail programs from linking the name GOV.UK
    return _GOV_UK.sub("\\1.\u200b\\2", filled).translate(_UNSUPPORTED)


def html_of(filled: str) -> str:
    """The HTML fragment of a body whose literals and values are escaped already."""
    return nice_typography(write_markdown(_prepared(filled), _HTML))


def plain_of(filled: str) -> str:
    """The text/plain part of a body."""
    return unescape(nice_typography(write_markdown(_prepared(filled), _TEXT))).lstrip() + "\n"


def subject_of(filled: str) -> str:
    """A subject line: one line, typography as in the body."""
    return normalise_space(unescape_quotes(nice_typography(filled)))


def unescape_quotes(text: str) -> str:
    r"""A subject is no HTML: an escaped `\"` is only a straight quote."""
    return _ESCAPED_POINT.sub(lambda found: chr(int(found.group(1))), text) if "&#" in text else text


_ESCAPED_POINT = re.compile(r"&#(92|34|39|46|96|45);")
