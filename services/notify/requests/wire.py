"""The bodies of Notify's POST routes, as msgspec reads them in the good case (contract 1.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

MAX_REFERENCE = 1_000  # characters
MAX_VERSION = 2_147_483_647  # PostgreSQL's integer

Personalisation = dict[str, Any]
Reference = Annotated[str, Meta(max_length=MAX_REFERENCE)]
TemplateVersion = Annotated[int, Meta(ge=1, le=MAX_VERSION)]


class SmsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text to send. phone_number: as the caller wrote it, known to be readable; scheduled_for: UTC.

    template_version: our addition; None means the present one.
    """

    phone_number: str
    template_id: UUID
    personalisation: Personalisation = {}
    reference: Reference | None = None
    scheduled_for: datetime | None = None
    sms_sender_id: UUID | None = None
    template_version: TemplateVersion | None = None


class EmailRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail to send. email_address: as the caller wrote it, known to be valid; scheduled_for: UTC.

    sanitise_content_for: names of placeholders, () if none. template_version: our addition; None means the present one.
    """

    email_address: str
    template_id: UUID
    personalisation: Personalisation = {}
    reference: Reference | None = None
    scheduled_for: datetime | None = None
    email_reply_to_id: UUID | None = None
    one_click_unsubscribe_url: str | None = None
    sanitise_content_for: tuple[str, ...] = ()
    template_version: TemplateVersion | None = None


class PreviewRequest(Struct, frozen=True, kw_only=True):
    """A template to show filled in. Unknown fields are let be, as the original does."""

    personalisation: Personalisation = {}
