"""A template version made ready: cut at its placeholders once, filled for every message."""

from __future__ import annotations

import sys
from typing import Literal

from msgspec import Struct

from services.notify.rendering.email import html_of, plain_of, subject_of
from services.notify.rendering.escaping import escape_html
from services.notify.rendering.placeholders import (
    Names,
    Parts,
    Personalisation,
    as_bullets,
    as_sentence,
    cut,
    resolve,
    text_of,
)
from services.notify.rendering.skeleton import ShortCut, SmsShortCut
from services.notify.rendering.sms import sanitise_sms, with_prefix

Channel = Literal["email", "sms"]

_BYTES_A_SLOT = 1_000  # measured: 300 to 700
_BYTES_A_TEMPLATE = 4_000
_COPIES = 10  # of the content, in all forms that are kept
_MOST_PREFIXES = 8  # a service has one; more only while it is being renamed


class CompiledTemplate(Struct, frozen=True, eq=False):
    """One version of a template. Made by `compile_template`; keep it, it also remembers its short cuts.

    placeholders: their names in the template's order (subject first), each once whatever its spelling.
    A placeholder without a value is left as typed: ask `missing` first.
    """

    channel: Channel
    subject: str | None
    content: str
    placeholders: tuple[str, ...]
    _subject_parts: Parts
    _body: Parts
    _escaped: Parts
    _subject_cut: ShortCut
    _html_cut: ShortCut
    _text_cut: ShortCut
    _sms_cuts: dict[str, SmsShortCut]

    def weight(self) -> int:
        """About how many bytes this takes, short cuts included, rather too many than too few."""
        slots = len(self._body.slots) + len(self._subject_parts.slots)
        return _BYTES_A_TEMPLATE + _COPIES * sys.getsizeof(self.content) + _BYTES_A_SLOT * slots

    def missing(self, personalisation: Personalisation) -> list[str]:
        """The placeholders that have no value (or null), in the template's order and spelling."""
        values = resolve(self.placeholders, personalisation)
        if not any(value is None for value in values):
            return []
        return [name for name, value in zip(self.placeholders, values, strict=True) if value is None]

    def api_subject(self, personalisation: Personalisation) -> str | None:
        """The subject as sent and as the API shows it: one line, typographic quotes. None for a text."""
        if self.channel == "sms":
            return None
        values = resolve(self.placeholders, personalisation)
        short = self._subject_cut.fill(values)
        return subject_of(self._subject_parts.fill(values, as_sentence)) if short is None else short

    def api_body(self, personalisation: Personalisation) -> str:
        """The body as the API shows it: an e-mail's markdown as typed, a text as it is sent but without prefix."""
        if self.channel == "sms":
            return self.sms_text(personalisation, None)
        return self._body.fill(resolve(self.placeholders, personalisation), as_bullets).strip()

    def email_html(self, personalisation: Personalisation) -> str:
        """The HTML fragment of an e-mail (no document around it); values are escaped."""
        values = resolve(self.placeholders, personalisation)
        short = self._html_cut.fill(values)
        return self._long_html(values) if short is None else short

    def email_text(self, personalisation: Personalisation) -> str:
        """The text/plain part of an e-mail."""
        values = resolve(self.placeholders, personalisation)
        short = self._text_cut.fill(values)
        return plain_of(self._body.fill(values, as_bullets)) if short is None else short

    def sms_text(self, personalisation: Personalisation, prefix: str | None) -> str:
        """A text as it is sent: behind the service's name when `prefix` is given, in characters that are carried."""
        values = resolve(self.placeholders, personalisation)
        short = self._sms_cut(prefix or "").fill(values)
        return sanitise_sms(with_prefix(self._body.fill(values, as_sentence), prefix)) if short is None else short

    def sms_unsanitised(self, personalisation: Personalisation, prefix: str | None) -> str:
        """A text before its characters are replaced: what `sms_fragments` counts."""
        return with_prefix(self._body.fill(resolve(self.placeholders, personalisation), as_sentence), prefix)

    def _sms_cut(self, prefix: str) -> SmsShortCut:
        known = self._sms_cuts.get(prefix)
        if known is None:
            known = SmsShortCut(self._body, len(self.placeholders), prefix)
            if len(self._sms_cuts) < _MOST_PREFIXES:
                self._sms_cuts[prefix] = known
        return known

    def _long_html(self, values: list[object]) -> str:
        escaped = [value if value is None else escape_html(text_of(value, as_bullets)) for value in values]
        return html_of(self._escaped.fill(escaped, as_bullets))


def compile_template(channel: Channel, subject: str | None, content: str) -> CompiledTemplate:
    """Make a template version ready. Takes some ten microseconds: keep the answer per version."""
    names = Names()
    subject_parts = cut(subject or "", names)
    body = cut(content, names)
    count = len(names.spellings)
    return CompiledTemplate(
        channel=channel,
        subject=subject,
        content=content,
        placeholders=tuple(names.spellings),
        _subject_parts=subject_parts,
        _body=body,
        _escaped=body.mapped(escape_html),
        _subject_cut=ShortCut(subject_parts, count, subject_of, has_blocks=False),
        _html_cut=ShortCut(body, count, html_of, for_html=True),
        _text_cut=ShortCut(body, count, plain_of),
        _sms_cuts={},
    )
