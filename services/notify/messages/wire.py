"""Messages on the wire (contract section 1.5). Every key is always present."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec


class TemplateLink(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    version: int
    uri: str


class SmsContent(msgspec.Struct, frozen=True, kw_only=True):
    body: str
    from_number: str


class EmailContent(msgspec.Struct, frozen=True, kw_only=True):
    from_email: str
    body: str
    subject: str
    one_click_unsubscribe_url: str | None


class SmsAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """201 of POST /v2/notifications/sms."""

    id: UUID
    reference: str | None
    content: SmsContent
    uri: str
    template: TemplateLink
    scheduled_for: str | None


class EmailAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """201 of POST /v2/notifications/email; `sanitised_content` is there for e-mail only."""

    id: UUID
    reference: str | None
    content: EmailContent
    uri: str
    template: TemplateLink
    scheduled_for: str | None
    sanitised_content: dict[str, dict[str, str]] = {}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v2/notifications/{id}."""

    id: UUID
    reference: str | None
    email_address: str | None
    phone_number: str | None
    line_1: str | None = None
    line_2: str | None = None
    line_3: str | None = None
    line_4: str | None = None
    line_5: str | None = None
    line_6: str | None = None
    postcode: str | None = None
    type: str
    status: str
    template: TemplateLink
    body: str
    subject: str | None
    created_at: str | None
    created_by_name: str | None = None
    sent_at: str | None
    completed_at: str | None
    scheduled_for: str | None
    postage: str | None = None
    one_click_unsubscribe_url: str | None
    cost_details: dict[str, Any]
    cost_in_pounds: float | None
    is_cost_data_ready: bool


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v2/notifications. `links` has `current`, and `next` on every page that is not empty."""

    notifications: list[Message]
    links: dict[str, str]
