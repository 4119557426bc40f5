"""Notify's rendering: from a template and a personalisation to what is sent and shown. Pure: no I/O, no clock."""

from __future__ import annotations

from services.notify.rendering.document import email_document, email_plain, ink_on
from services.notify.rendering.placeholders import Personalisation, key_of
from services.notify.rendering.sanitise import sanitise_personalisation
from services.notify.rendering.sms import MOST_CHARACTERS, sanitise_sms, sms_fragments, sms_length, with_prefix
from services.notify.rendering.template import Channel, CompiledTemplate, compile_template

__all__ = [
    "MOST_CHARACTERS",
    "Channel",
    "CompiledTemplate",
    "Personalisation",
    "compile_template",
    "email_document",
    "email_plain",
    "ink_on",
    "key_of",
    "sanitise_personalisation",
    "sanitise_sms",
    "sms_fragments",
    "sms_length",
    "with_prefix",
]
