"""What a payment's events look like, by API and by webhook (contract sections 1.4 and 1.12)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from services.pay.payments.facts import PaymentFacts
from services.pay.payments.states import External, external
from services.pay.payments.wire import Common, Link, Places, State, common, moment


class EventLinks(Struct, frozen=True):
    payment_url: Link


class Event(Struct, frozen=True, kw_only=True):
    payment_id: str
    state: State
    updated: str
    links: EventLinks = field(name="_links")


class SelfLink(Struct, frozen=True):
    itself: Link = field(name="self")


class Events(Struct, frozen=True, kw_only=True):
    """GET /v1/payments/{id}/events."""

    payment_id: str
    events: list[Event]
    links: SelfLink = field(name="_links")


def payment_events(public_id: str, history: Iterable[tuple[str, datetime]], places: Places) -> Events:
    """What the service is told of a payment's life. history: (state reached, when), oldest first.

    States that the wire does not tell apart are told once, by the first of them.
    """
    here = f"{places.api}/v1/payments/{public_id}"
    told: list[Event] = []
    before: External | None = None
    for state, at in history:
        shown = external(state)
        if shown == before:
            continue
        before = shown
        told.append(
            Event(
                payment_id=public_id,
                state=State(shown.status, shown.finished, shown.message, shown.code),
                updated=moment(at),
                links=EventLinks(Link(here)),
            )
        )
    return Events(payment_id=public_id, events=told, links=SelfLink(Link(here + "/events")))


class PaymentResource(Common, frozen=True, kw_only=True, omit_defaults=True):
    """A payment inside a webhook: neither links nor the provider's identifier."""


class WebhookMessage(Struct, frozen=True, kw_only=True):
    """The body of a webhook. created_date: when the event happened."""

    webhook_message_id: str
    created_date: str
    resource_id: str
    api_version: int = 1
    resource_type: str
    event_type: str
    resource: Any


def payment_resource(facts: PaymentFacts) -> PaymentResource:
    """The payment as webhooks tell it; the resource of a refund's event too."""
    return PaymentResource(*common(facts))


def webhook_message(
    message_id: str, at: datetime, *, event_type: str, resource_type: str, resource_id: str, resource: Struct
) -> WebhookMessage:
    """resource_type: `payment` for all that the original knows; dispute, agreement and payout are our additions."""
    return WebhookMessage(
        webhook_message_id=message_id,
        created_date=moment(at),
        resource_id=resource_id,
        resource_type=resource_type,
        event_type=event_type,
        resource=resource,
    )
