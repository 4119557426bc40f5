"""Stripe's webhooks: verified on the raw body, reduced to what concerns us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import stripe

from services.pay.gateways.outcomes import (
    DisputeView,
    PayoutView,
    ProviderEvent,
    ProviderEventKind,
    RefundView,
)
from services.pay.gateways.protocol import BadEvent
from services.pay.gateways.stripe_gateway.reading import (
    PAYMENT,
    REFUND,
    dispute_of,
    meta,
    moment,
    name_of,
    payout_status,
    refunded_of,
)

_HEADER: Final = "stripe-signature"
TOLERANCE_S: Final = 300

# What to tick when the webhook is made at Stripe; docs/stripe.md names them too, and a test compares.
KINDS: Final[dict[str, ProviderEventKind]] = {
    "checkout.session.completed": "entry-finished",
    "checkout.session.expired": "entry-expired",
    "payment_intent.amount_capturable_updated": "authorised",
    "payment_intent.payment_failed": "rejected",
    "payment_intent.succeeded": "captured",
    "payment_intent.canceled": "cancelled",
    "refund.created": "refund-changed",
    "refund.updated": "refund-changed",
    "refund.failed": "refund-changed",
    "charge.dispute.created": "dispute-changed",
    "charge.dispute.updated": "dispute-changed",
    "charge.dispute.closed": "dispute-changed",
    "payout.created": "payout-changed",
    "payout.updated": "payout-changed",
    "payout.paid": "payout-changed",
    "payout.failed": "payout-changed",
    "payout.canceled": "payout-changed",
}


def _verify(raw: bytes, seal: str, secrets: tuple[str, ...]) -> None:
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(raw, seal, secret, TOLERANCE_S)
        except stripe.SignatureVerificationError as error:
            if "Timestamp" in str(error):
                raise BadEvent("too old") from None
        except UnicodeDecodeError:
            raise BadEvent("unreadable") from None
        else:
            return
    raise BadEvent("wrong signature")


def read(raw: bytes, headers: Mapping[str, str], secrets: tuple[str, ...]) -> list[ProviderEvent]:
    """The event in a posted body, in our words; empty if it does not concern us. Raises BadEvent.

    secrets: of every endpoint and rotation in use.
    """
    _verify(raw, next((value for name, value in headers.items() if name.lower() == _HEADER), ""), secrets)
    try:
        event = stripe.Webhook.construct_event_without_verification(raw)
        kind = KINDS.get(event.type)
        return [] if kind is None else _told(event, kind)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise BadEvent("unreadable") from None


def _told(event: stripe.Event, kind: ProviderEventKind) -> list[ProviderEvent]:
    about: Any = event.data.object
    reference: str | None = None
    details: RefundView | DisputeView | PayoutView | None = None
    match kind:
        case "refund-changed":
            reference = name_of(about.payment_intent)
            details = RefundView(refund=refunded_of(about), key=meta(about, REFUND))
        case "dispute-changed":
            details = dispute_of(about)
            if details is None:
                return []
            reference = details.payment_reference
        case "payout-changed":
            details = PayoutView(payout_reference=about.id, status=payout_status(about.status))
        case _:
            reference = about.id
    return [
        ProviderEvent(
            id=event.id,
            kind=kind,
            occurred_at=moment(event.created),
            is_live=event.livemode,
            connected_account=getattr(event, "account", None),
            provider_reference=reference,
            public_id=meta(about, PAYMENT),
            details=details,
        )
    ]
