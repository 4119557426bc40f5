"""The whole e-mail around a rendered body: one column, readable without images, in the dark and by a screen reader."""

from __future__ import annotations

import html
import re
from functools import lru_cache

from services.notify.rendering.writers import TEXT_RULE, HtmlWriter

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FONT = "font-family: Helvetica, Arial, sans-serif;"
_UNSUBSCRIBE = "Unsubscribe from these emails"
_HTML = HtmlWriter()

_HEAD = (
    '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
    '<meta name="viewport" content="width=device-width">'
    '<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">'
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
)
_STYLE = (
    "<style>@media only screen and (min-width: 581px) {.column {width: 580px !important;}}"
    "body {margin: 0 !important;}"
    "@media (prefers-color-scheme: dark) {.page, .body {background: #121212 !important;}"
    ".body, .body p, .body li, .body h2, .body h3, .body blockquote {color: #F3F2F1 !important;}"
    ".body a {color: #8EC5F4 !important;}}</style>"
)
_HIDDEN = "display: none; font-size: 1px; line-height: 1px; max-height: 0; max-width: 0; opacity: 0; overflow: hidden;"
_COLUMN = (
    '<table role="presentation" class="column" width="100%" cellpadding="0" cellspacing="0" border="0" '
    'align="center" style="max-width: 580px; width: 100%; margin: 0 auto;"><tr>'
)
_FULL = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'


@lru_cache(maxsize=1_024)
def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour (`#rrggbb`; WCAG 2.2 relative luminance).

    Raises ValueError for anything that is no such colour: it is written into a style.
    """
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"a colour is written #rrggbb, not {colour!r}")
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#FFFFFF" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def email_document(
    fragment_html: str,
    *,
    subject: str,
    preheader: str | None = None,
    organisation_name: str,
    brand_colour: str,
    language: str = "en",
    unsubscribe_url: str | None = None,
) -> str:
    """The HTML part of an e-mail.

    fragment_html: what `CompiledTemplate.email_html` gave, written as it is; everything else is plain text.
    preheader: the line that inboxes show behind the subject. brand_colour: `#rrggbb`, ValueError otherwise.
    """
    ink = ink_on(brand_colour)
    name = html.escape(organisation_name)
    preview = f'<div style="{_HIDDEN}">{html.escape(preheader)}</div>' if preheader else ""
    return (
        f'<!DOCTYPE html><html lang="{html.escape(language)}" dir="auto"><head>{_HEAD}'
        f"<title>{html.escape(subject)}</title>{_STYLE}</head>"
        f'<body class="page" style="{_FONT} margin: 0; padding: 0; background: #FFFFFF;">{preview}'
        f'{_FULL}<td bgcolor="{brand_colour}" style="background: {brand_colour};">{_COLUMN}'
        f'<td style="{_FONT} padding: 16px 10px; font-size: 24px; line-height: 30px; font-weight: bold; color: {ink};">'
        f'<span style="color: {ink};">{name}</span></td></tr></table></td></tr></table>'
        f'{_COLUMN}<td class="body" style="{_FONT} padding: 30px 10px; font-size: 19px; line-height: 25px;'
        f' color: #0B0C0C; background: #FFFFFF;">{fragment_html}{_unsubscribe(unsubscribe_url)}'
        "</td></tr></table></body></html>"
    )


def _unsubscribe(url: str | None) -> str:
    if not url:
        return ""
    # the address is written by us or checked as https: still, nothing may end the attribute early
    link = _HTML.link(html.escape(url, quote=False), None, _UNSUBSCRIBE)
    return f"{_HTML.rule}{_HTML.paragraph(link)}"


def email_plain(text: str, unsubscribe_url: str | None = None) -> str:
    """The text/plain part of an e-mail, with the way out at its end when there is one."""
    if not unsubscribe_url:
        return text
    return f"{text.rstrip()}\n\n{TEXT_RULE}\n\n{_UNSUBSCRIBE}: {unsubscribe_url}\n"
