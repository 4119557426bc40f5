"""Accept a message: every check of the contract in its order (section 1.4), then the lane.

This is the one exception to "transaction at the edge": the transaction is the lane's, shared by all requests that wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

from common import clock, ids
from common.auth import ServiceKey
from common.db.group_commit import GroupCommit
from common.errors import IdempotencyKeyReused, ServiceError
from common.http.limits import Counter, Limits
from common.http.trace import current_trace
from services.notify.configuration.rules import email_local_part
from services.notify.configuration.store import Setup
from services.notify.context import Context
from services.notify.errors import (
    ChannelNotAllowed,
    MessageEmpty,
    PersonalisationMissing,
    RecipientNotAllowed,
    TemplateArchived,
    TemplateNotFound,
    TemplateUnsuitable,
)
from services.notify.messages import rules, store, wire
from services.notify.messages.admission import admit, admit_abroad
from services.notify.messages.store import Draft, Personal, Stored
from services.notify.moments import moment
from services.notify.recipients.email import normalise_email
from services.notify.recipients.phone import PhoneNumber, check_allowed, parse_phone
from services.notify.recipients.simulated import is_smoke_recipient
from services.notify.rendering import CompiledTemplate, sanitise_personalisation, sms_length
from services.notify.requests.decode import decode_email, decode_sms
from services.notify.requests.parsing import parse_json
from services.notify.requests.wire import EmailRequest, SmsRequest
from services.notify.templates.store import TemplateVersionRow

SIMULATED_LANE = "simulated"


class Answer(msgspec.Struct, frozen=True):
    """The 201 of a POST, ready to be sent."""

    body: bytes
    headers: dict[str, str]


def _sanitised_by(raw: bytes) -> dict[str, dict[str, str]]:
    """What sanitising changed in a body that was accepted before. The row keeps the outcome only."""
    request = parse_json(raw)
    names = request.get("sanitise_content_for")
    return sanitise_personalisation(request.get("personalisation", {}), names)[1] if names else {}


class Prepared(msgspec.Struct, frozen=True):
    """A message that passed every check. draft: None for a smoke recipient, whose message is not kept."""

    draft: Draft | None
    body: bytes
    abroad: Counter | None = None


class Acceptor:
    """The accept path of one process: limits, checks and the lane."""

    def __init__(self, context: Context, limits: Limits, lane: GroupCommit[Draft, Stored]) -> None:
        self._context = context
        self._limits = limits
        self._lane = lane
        self._root = context.settings.public_url

    async def accept(
        self, who: ServiceKey, channel: str, read: Callable[[], Awaitable[bytes]], idempotency_key: str | None
    ) -> Answer:
        """Take a message in, or say why not. read: gives the body, asked for once the limits allow it.

        Raises the contract's refusals, IdempotencyKeyReused, Unavailable."""
        setup = await self._context.setup(who.service_id)
        admission = await admit(self._limits, who, setup, channel)
        is_kept = False
        abroad: Counter | None = None
        try:
            raw = await read()
            try:
                prepare = self._prepare_email if channel == "email" else self._prepare_sms
                prepared = await prepare(who, setup, raw, idempotency_key)
            except ServiceError:
                # the first request may have passed where this copy does not (a template archived in between)
                earlier = await self._earlier(who, channel, idempotency_key)
                if earlier is None:
                    raise
                return Answer(await self._replay(who, earlier, raw), admission.headers)
            abroad = prepared.abroad
            if prepared.draft is None:
                return Answer(prepared.body, admission.headers)
            stored = await self._lane.put(prepared.draft)
            if stored.is_replay:
                return Answer(await self._replay(who, stored, raw), admission.headers)
            is_kept = True
            return Answer(prepared.body, admission.headers)
        finally:
            if not is_kept:
                for counter in (admission.counter, abroad):
                    if counter is not None:
                        self._limits.give_back(counter)

    # the same request again ---------------------------------------------

    async def _earlier(self, who: ServiceKey, channel: str, key: str | None) -> Stored | None:
        if key is None:
            return None
        async with self._context.database.reading() as tx:
            return await store.seen(tx, who.service_id, who.mode, f"send-{channel}", key)

    async def _replay(self, who: ServiceKey, stored: Stored, raw: bytes) -> bytes:
        """The first answer once more, rendered from the row."""
        if stored.request_hash != self._context.crypto.request_hash(raw):
            raise IdempotencyKeyReused("This Idempotency-Key was used before with another body.")
        async with self._context.database.reading() as tx:
            row = await store.message(tx, who.service_id, stored.id)
        if row is None or row.personal is None:
            raise IdempotencyKeyReused("The message of this Idempotency-Key is no longer kept.")
        personal = store.unseal(self._context.crypto, row.personal, row=row.id, service=row.service_id)
        template = await self._context.template(who.service_id, row.template_id, row.template_version)
        if template is None:
            raise TemplateNotFound
        setup = await self._context.setup(who.service_id)
        compiled = self._context.compiled(template)
        if row.channel == "email":
            body = compiled.api_body(personal.personalisation)
            return self._email_body(
                who,
                setup,
                template,
                compiled,
                personal,
                row.id,
                row.reference,
                body,
                _sanitised_by(raw),
                moment(row.scheduled_for),
            )
        return self._sms_body(
            template,
            row.id,
            row.reference,
            compiled.api_body(personal.personalisation),
            personal.sender or self._context.settings.default_sms_sender,
            moment(row.scheduled_for),
        )

    # checks ---------------------------------------------------------------

    async def _template(
        self, who: ServiceKey, channel: str, template_id: UUID, version: int | None
    ) -> TemplateVersionRow:
        row = await self._context.template(who.service_id, template_id, version)
        if row is None:
            raise TemplateNotFound
        if row.channel != channel:
            raise TemplateUnsuitable(row.channel, channel)
        if row.archived_at is not None:
            raise TemplateArchived
        return row

    @staticmethod
    def _filled(compiled: CompiledTemplate, personalisation: dict[str, Any]) -> str:
        missing = compiled.missing(personalisation)
        if missing:
            raise PersonalisationMissing(missing)
        rules.check_filling(compiled.content, personalisation)
        body = compiled.api_body(personalisation)
        if not body.strip():
            raise MessageEmpty
        return body

    def _check_recipient(self, who: ServiceKey, setup: Setup, index: bytes, recipient: str) -> None:
        """A team key, or a live key of a service in trial, reaches its team and guest list only."""
        if who.key_type == "test" or (who.key_type == "live" and not who.service.is_trial):
            return
        candidates = self._context.crypto.index_candidates(who.service_id, recipient)
        if index not in setup.allowed and not setup.allowed.intersection(candidates):
            raise RecipientNotAllowed(team_key=who.key_type == "team")

    async def _prepare_email(self, who: ServiceKey, setup: Setup, raw: bytes, key: str | None) -> Prepared:
        request = decode_email(raw)
        if "email" not in setup.settings.channels:
            raise ChannelNotAllowed("email")
        personalisation = request.personalisation
        sanitised: dict[str, dict[str, str]] = {}
        if request.sanitise_content_for:
            personalisation, sanitised = sanitise_personalisation(personalisation, request.sanitise_content_for)
        template = await self._template(who, "email", request.template_id, request.template_version)
        compiled = self._context.compiled(template)
        body = self._filled(compiled, personalisation)
        reply_to = self._reply_to(who, setup, request)
        recipient = normalise_email(request.email_address)
        index = self._context.crypto.index(who.service_id, recipient)
        is_smoke = is_smoke_recipient(recipient)
        if not is_smoke:
            self._check_recipient(who, setup, index, recipient)
        rules.check_files(personalisation, "email", who.service_id, self._context.settings.admin_url)
        rules.check_email_size(body, compiled.api_subject(personalisation) or "")
        personal = Personal(
            to=request.email_address.strip(),
            recipient=recipient,
            personalisation=personalisation,
            sender=reply_to,
            unsubscribe_url=request.one_click_unsubscribe_url,
        )
        message_id = ids.uuid7()
        answer = self._email_body(
            who,
            setup,
            template,
            compiled,
            personal,
            message_id,
            request.reference,
            body,
            sanitised,
            moment(request.scheduled_for),
        )
        if is_smoke:
            return Prepared(None, answer)
        return Prepared(self._draft(who, template, request, message_id, personal, index, 1, raw, key), answer)

    async def _prepare_sms(self, who: ServiceKey, setup: Setup, raw: bytes, key: str | None) -> Prepared:
        request = decode_sms(raw)
        if "sms" not in setup.settings.channels:
            raise ChannelNotAllowed("sms")
        template = await self._template(who, "sms", request.template_id, request.template_version)
        compiled = self._context.compiled(template)
        body = self._filled(compiled, request.personalisation)
        rules.check_files(request.personalisation, "sms", who.service_id, self._context.settings.admin_url)
        sender = self._sms_sender(who, setup, request)
        phone = parse_phone(request.phone_number)
        index = self._context.crypto.index(who.service_id, phone.e164)
        is_smoke = is_smoke_recipient(phone.e164)
        if not is_smoke:
            self._check_recipient(who, setup, index, phone.e164)
        check_allowed(phone, international=setup.settings.international_sms, landlines=setup.settings.sms_to_landlines)
        abroad = await self._count_abroad(who, setup, phone) if not is_smoke else None
        try:
            rules.check_text_length(sms_length(body))
        except ServiceError:
            if abroad is not None:
                self._limits.give_back(abroad)
            raise
        personal = Personal(
            to=request.phone_number.strip(),
            recipient=phone.e164,
            personalisation=request.personalisation,
            sender=sender,
        )
        message_id = ids.uuid7()
        answer = self._sms_body(template, message_id, request.reference, body, sender, moment(request.scheduled_for))
        if is_smoke:
            return Prepared(None, answer)
        draft = self._draft(who, template, request, message_id, personal, index, phone.rate_multiplier, raw, key)
        return Prepared(draft, answer, abroad)

    async def _count_abroad(self, who: ServiceKey, setup: Setup, phone: PhoneNumber) -> Counter | None:
        return await admit_abroad(self._limits, who, setup) if phone.needs_international_permission else None

    def _reply_to(self, who: ServiceKey, setup: Setup, request: EmailRequest) -> str | None:
        if request.email_reply_to_id is None:
            return setup.default_reply_to
        chosen = setup.reply_to.get(request.email_reply_to_id)
        if chosen is None:
            raise rules.sender_unknown("email_reply_to_id", request.email_reply_to_id, who.service_id)
        return chosen

    def _sms_sender(self, who: ServiceKey, setup: Setup, request: SmsRequest) -> str:
        if request.sms_sender_id is None:
            return setup.default_sms_sender or self._context.settings.default_sms_sender
        chosen = setup.sms_senders.get(request.sms_sender_id)
        if chosen is None:
            raise rules.sender_unknown("sms_sender_id", request.sms_sender_id, who.service_id)
        return chosen

    # what is stored and answered ------------------------------------------

    def _draft(
        self,
        who: ServiceKey,
        template: TemplateVersionRow,
        request: EmailRequest | SmsRequest,
        message_id: UUID,
        personal: Personal,
        index: bytes,
        multiplier: int,
        raw: bytes,
        key: str | None,
    ) -> Draft:
        crypto = self._context.crypto
        is_test = who.key_type == "test"
        return Draft(
            id=message_id,
            service_id=who.service_id,
            mode=who.mode,
            key_type=who.key_type,
            channel=template.channel,
            template_id=template.template_id,
            template_version=template.version,
            reference=request.reference,
            recipient_index=index,
            personal=store.seal(crypto, personal, row=message_id, service=who.service_id),
            created_at=clock.now(),
            scheduled_for=request.scheduled_for,
            rate_multiplier=multiplier,
            lane=SIMULATED_LANE if is_test else f"{template.channel}-{template.lane}",
            topic="simulate" if is_test else "deliver",
            trace=current_trace(),
            idempotency_key=key,
            request_hash=crypto.request_hash(raw) if key is not None else None,
        )

    def _links(self, template: TemplateVersionRow, message_id: UUID) -> tuple[str, wire.TemplateLink]:
        uri = f"{self._root}/services/{template.service_id}/templates/{template.template_id}"
        link = wire.TemplateLink(id=template.template_id, version=template.version, uri=uri)
        return f"{self._root}/v2/notifications/{message_id}", link

    def _email_body(
        self,
        who: ServiceKey,
        setup: Setup,
        template: TemplateVersionRow,
        compiled: CompiledTemplate,
        personal: Personal,
        message_id: UUID,
        reference: str | None,
        body: str,
        sanitised: dict[str, dict[str, str]],
        scheduled_for: str | None,
    ) -> bytes:
        uri, link = self._links(template, message_id)
        local_part = setup.settings.email_local_part or email_local_part(who.service.name)
        return msgspec.json.encode(
            wire.EmailAccepted(
                id=message_id,
                reference=reference,
                content=wire.EmailContent(
                    from_email=f"{local_part}@{self._context.settings.email_domain}",
                    body=body,
                    subject=compiled.api_subject(personal.personalisation) or "",
                    one_click_unsubscribe_url=personal.unsubscribe_url,
                ),
                uri=uri,
                template=link,
                scheduled_for=scheduled_for,
                sanitised_content=sanitised,
            )
        )

    def _sms_body(
        self,
        template: TemplateVersionRow,
        message_id: UUID,
        reference: str | None,
        body: str,
        sender: str,
        scheduled_for: str | None,
    ) -> bytes:
        uri, link = self._links(template, message_id)
        return msgspec.json.encode(
            wire.SmsAccepted(
                id=message_id,
                reference=reference,
                content=wire.SmsContent(body=body, from_number=sender),
                uri=uri,
                template=link,
                scheduled_for=scheduled_for,
            )
        )
