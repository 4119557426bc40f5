"""Read, list and cancel messages."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode
from uuid import UUID

from common import clock
from common.audit import Action, Actor, record
from common.auth import Mode
from common.db import Tx
from common.errors import Conflict
from services.notify.context import Context
from services.notify.errors import NoResultFound
from services.notify.messages import rules, store, wire
from services.notify.messages.states import COMPLETED
from services.notify.messages.store import MessageRow
from services.notify.moments import moment
from services.notify.requests.queries import ListQuery


class NotScheduled(Conflict):
    """Only a message that is scheduled and not yet due can be cancelled."""

    status, kind, title = 409, "message-not-scheduled", "The message cannot be cancelled"


async def read_message(tx: Tx, service_id: UUID, message_id: UUID) -> MessageRow:
    """One message of the service, whichever type of key sent it. Raises NoResultFound."""
    row = await store.message(tx, service_id, message_id)
    if row is None:
        raise NoResultFound
    return row


async def list_messages(tx: Tx, service_id: UUID, key_type: str, query: ListQuery) -> list[MessageRow]:
    """A page of what one type of key sent, newest first.

    After an id that the service does not have (any more) nothing follows, as in the original.
    """
    if query.older_than is not None and await store.message(tx, service_id, query.older_than) is None:
        return []
    return await store.page(
        tx,
        service_id,
        key_type,
        older_than=query.older_than,
        channels=query.template_types,
        statuses=query.statuses,
        reference=query.reference,
        limit=rules.PAGE,
    )


def page_links(base: str, params: Sequence[tuple[str, str]], last: UUID | None) -> dict[str, str]:
    """`current`, and `next` on every page that is not empty. No other UUID may stand before older_than in `next`."""
    kept = [(name, value) for name, value in params if name != "older_than"]
    links = {"current": f"{base}?{urlencode(params)}" if params else base}
    if last is not None:
        # older_than first: the Python client takes the first UUID in the address
        links["next"] = f"{base}?{urlencode([('older_than', str(last)), *kept])}"
    return links


async def cancel_message(tx: Tx, who: Actor, service_id: UUID, message_id: UUID, *, mode: Mode | None) -> MessageRow:
    """Take back a scheduled message that is not yet due. Raises NoResultFound, NotScheduled.

    mode: the caller's; a message of the other mode is not there. None: an operator's, who may cancel both.
    """
    if not await store.cancel(tx, service_id, mode, message_id, clock.now()):
        row = await store.message(tx, service_id, message_id)
        if row is None or mode not in (None, "test" if row.key_type == "test" else "live"):
            raise NoResultFound
        raise NotScheduled(f"The message is {row.status}; only one that is scheduled and not yet due can be cancelled.")
    if who.kind == "operator":
        await record(
            tx,
            "notify",
            action=Action.NOTIFY_MESSAGE_CANCEL,
            who=who,
            subject_id=str(message_id),
            service_id=service_id,
        )
    return await read_message(tx, service_id, message_id)


async def shown(context: Context, row: MessageRow) -> wire.Message:
    """A message as it is shown. Outside of any transaction: it may read the template on a connection of its own."""
    assert row.personal is not None  # the queries leave out what was blanked
    personal = store.unseal(context.crypto, row.personal, row=row.id, service=row.service_id)
    template = await context.template(row.service_id, row.template_id, row.template_version)
    compiled = context.compiled(template) if template is not None else None
    is_email = row.channel == "email"
    details, pounds, is_ready = rules.cost(
        row.channel, row.status, row.billable_units, row.rate_multiplier, context.settings.sms_rate
    )
    root = context.settings.public_url
    return wire.Message(
        id=row.id,
        reference=row.reference,
        email_address=personal.to if is_email else None,
        phone_number=None if is_email else personal.to,
        type=row.channel,
        status=row.status,
        template=wire.TemplateLink(
            id=row.template_id,
            version=row.template_version,
            uri=f"{root}/v2/template/{row.template_id}/version/{row.template_version}",
        ),
        body=compiled.api_body(personal.personalisation) if compiled else "",
        subject=compiled.api_subject(personal.personalisation) if compiled and is_email else None,
        created_at=moment(row.created_at),
        sent_at=moment(row.sent_at),
        completed_at=moment(row.updated_at) if row.status in COMPLETED else None,
        scheduled_for=moment(row.scheduled_for),
        one_click_unsubscribe_url=personal.unsubscribe_url,
        cost_details=details,
        cost_in_pounds=pounds,
        is_cost_data_ready=is_ready,
    )
