"""From a stored message to what leaves by its channel."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

import msgspec

from common.auth.directory import KnownService, Nobody
from services.notify.channels.mime import Frame, build_email, compile_frame
from services.notify.channels.protocol import OutgoingEmail, OutgoingText
from services.notify.configuration.rules import email_local_part
from services.notify.context import Context
from services.notify.delivery.store import Waiting
from services.notify.messages import store as message_store
from services.notify.rendering import email_document, email_plain, sms_fragments
from services.notify.unsubscribe.rules import Link, unsubscribe_url

_MOST_FRAMES = 2_000


class CannotLeave(Exception):
    """The message will never leave: `reason` is what the status says, without personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Held(Exception):
    """Not now: the service is suspended."""


class ComposedText(msgspec.Struct, frozen=True):
    outgoing: OutgoingText
    fragments: int


class Composer:
    """Renders messages for the worker; keeps the parts that messages share."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._frames: OrderedDict[tuple[UUID, str, str, str | None], Frame] = OrderedDict()

    async def _service(self, service_id: UUID) -> KnownService:
        found = await self._context.directory.services.get(service_id)
        if isinstance(found, Nobody) or found.service.status == "archived":
            raise CannotLeave("service archived")
        if found.service.status == "suspended":
            raise Held
        return found

    def _frame(self, service_id: UUID, name: str, address: str, reply_to: str | None) -> Frame:
        key = (service_id, name, address, reply_to)
        frame = self._frames.get(key)
        if frame is None:
            frame = compile_frame(
                from_name=name, from_address=address, domain=self._context.settings.email_domain, reply_to=reply_to
            )
            self._frames[key] = frame
            if len(self._frames) > _MOST_FRAMES:
                self._frames.popitem(last=False)
        return frame

    async def email(self, message: Waiting) -> OutgoingEmail:
        """Raises CannotLeave, Held."""
        context, service_id = self._context, message.service_id
        known = await self._service(service_id)
        setup = await context.setup(service_id)
        template = await context.template(service_id, message.template_id, message.template_version)
        if template is None or message.personal is None:
            raise CannotLeave("template or personal data gone")
        personal = message_store.unseal(context.crypto, message.personal, row=message.id, service=service_id)
        compiled = context.compiled(template)
        subject = compiled.api_subject(personal.personalisation) or ""
        own_url = (
            unsubscribe_url(
                context.crypto,
                context.settings.public_url,
                Link(message.id, service_id, message.mode, template.template_id, template.version),
            )
            if template.has_unsubscribe_link
            else None
        )
        service = known.service
        local_part = setup.settings.email_local_part or email_local_part(service.name)
        address = f"{local_part}@{context.settings.email_domain}"
        name = setup.settings.email_sender_name or service.name
        try:
            data = build_email(
                self._frame(service_id, name, address, personal.sender),
                message_id=message.id,
                to=personal.recipient,
                subject=subject,
                text=email_plain(compiled.email_text(personal.personalisation), own_url),
                html=email_document(
                    compiled.email_html(personal.personalisation),
                    subject=subject,
                    organisation_name=service.organisation.name,
                    brand_colour=service.organisation.colour,
                    unsubscribe_url=own_url,
                ),
                unsubscribe_url=personal.unsubscribe_url or own_url,
            )
        except ValueError as error:
            raise CannotLeave("not expressible as an e-mail") from error
        return OutgoingEmail(id=message.id, to=personal.recipient, envelope_from=address, data=data)

    async def text(self, message: Waiting) -> ComposedText:
        """Raises CannotLeave, Held."""
        context, service_id = self._context, message.service_id
        known = await self._service(service_id)
        setup = await context.setup(service_id)
        template = await context.template(service_id, message.template_id, message.template_version)
        if template is None or message.personal is None:
            raise CannotLeave("template or personal data gone")
        personal = message_store.unseal(context.crypto, message.personal, row=message.id, service=service_id)
        compiled = context.compiled(template)
        prefix = known.service.name if setup.settings.sms_prefix else None
        text = compiled.sms_text(personal.personalisation, prefix)
        fragments = sms_fragments(compiled.sms_unsanitised(personal.personalisation, prefix))
        outgoing = OutgoingText(
            id=message.id,
            to=personal.recipient,
            sender=personal.sender or context.settings.default_sms_sender,
            text=text,
        )
        return ComposedText(outgoing, fragments)
