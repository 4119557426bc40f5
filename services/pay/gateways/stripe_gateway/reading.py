"""Stripe's objects in our words. Attributes only: a StripeObject is no dict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import stripe

from common import clock
from services.pay.gateways.cards import Address, CardBrand, CardDetails, CardType
from services.pay.gateways.outcomes import (
    Authorised,
    Cancelled,
    Captured,
    DisputeReason,
    DisputeStatus,
    DisputeView,
    NeedsAction,
    Outcome,
    PayoutStatus,
    Pending,
    Processing,
    ProviderView,
    Refunded,
    RefundStatus,
)
from services.pay.gateways.stripe_gateway.declines import rejected

PAYMENT: Final = "colonnade_payment"
KEY: Final = "colonnade_key"
REFUND: Final = "colonnade_refund"

_BRANDS: Final[dict[str, CardBrand]] = {
    "amex": "american-express",
    "diners": "diners-club",
    "discover": "discover",
    "jcb": "jcb",
    "mastercard": "master-card",
    "unionpay": "unionpay",
    "visa": "visa",
}
_TYPES: Final[dict[str, CardType]] = {"credit": "credit", "debit": "debit"}
_REFUNDS: Final[dict[str, RefundStatus]] = {"succeeded": "success", "failed": "error", "canceled": "error"}
_PAYOUTS: Final[dict[str, PayoutStatus]] = {
    "paid": "paid",
    "pending": "pending",
    "in_transit": "in_transit",
    "failed": "failed",
    "canceled": "cancelled",
}
_DISPUTES: Final[dict[str, DisputeStatus]] = {
    "needs_response": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
}
_REASONS: Final[dict[str, DisputeReason]] = {
    "credit_not_processed": "credit_not_processed",
    "duplicate": "duplicate",
    "fraudulent": "fraudulent",
    "general": "general",
    "product_not_received": "product_not_received",
    "product_unacceptable": "product_unacceptable",
    "subscription_canceled": "subscription_cancelled",
    "unrecognized": "unrecognised",
}


def moment(seconds: int) -> datetime:
    """Stripe's times are whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def name_of(value: Any) -> str | None:
    """The id of a field that holds an id, an expanded object or nothing."""
    return value if value is None or isinstance(value, str) else str(value.id)


def meta(holder: Any, name: str) -> str | None:
    """One of our own notes on an object."""
    notes = getattr(holder, "metadata", None)
    value = getattr(notes, name, None)
    return value if isinstance(value, str) else None


def _charge(intent: stripe.PaymentIntent) -> stripe.Charge | None:
    charge = intent.latest_charge
    return charge if isinstance(charge, stripe.Charge) else None


def _address(value: Any) -> Address | None:
    if value is None or not any((value.line1, value.line2, value.city, value.postal_code, value.country)):
        return None
    return Address(
        line1=value.line1, line2=value.line2, city=value.city, postcode=value.postal_code, country=value.country
    )


def card_of(charge: stripe.Charge | None) -> CardDetails:
    """What Stripe tells of the card. It never tells the first six digits, nor whether a card is a company's."""
    card = getattr(getattr(charge, "payment_method_details", None), "card", None)
    if charge is None or card is None:
        return CardDetails()
    details = charge.billing_details
    return CardDetails(
        brand=_BRANDS.get(card.brand or "", "unknown"),
        type=_TYPES.get(card.funding or ""),
        last_four=card.last4,
        expiry=f"{card.exp_month:02}/{card.exp_year % 100:02}",
        cardholder_name=details.name,
        billing_address=_address(details.address),
        is_prepaid=card.funding == "prepaid",
    )


def _is_authenticated(charge: stripe.Charge | None) -> bool:
    card = getattr(getattr(charge, "payment_method_details", None), "card", None)
    check = getattr(card, "three_d_secure", None)
    return check is not None and check.result == "authenticated"


def _token(intent: stripe.PaymentIntent) -> str | None:
    customer, method = name_of(intent.customer), name_of(intent.payment_method)
    if intent.setup_future_usage != "off_session" or customer is None or method is None:
        return None
    return f"{customer}/{method}"


def outcome_of(intent: stripe.PaymentIntent) -> Outcome:
    """How an authorisation stands."""
    match intent.status:
        case "requires_capture" | "succeeded":
            charge = _charge(intent)
            return Authorised(
                provider_reference=intent.id,
                amount_minor=intent.amount_capturable if intent.status == "requires_capture" else intent.amount,
                card=card_of(charge),
                has_three_d_secure=_is_authenticated(charge),
                stored=_token(intent),
            )
        case "requires_action":
            redirect = getattr(intent.next_action, "redirect_to_url", None)
            if redirect is not None and redirect.url:
                return NeedsAction(provider_reference=intent.id, redirect_url=redirect.url)
            return Processing(provider_reference=intent.id)
        case "requires_payment_method":
            return rejected(intent.last_payment_error, intent.id)
        case "canceled":
            return Cancelled(provider_reference=intent.id)
        case _:
            return Processing(provider_reference=intent.id)


def session_outcome(session: stripe.checkout.Session) -> Outcome:
    """How a hosted entry stands; its PaymentIntent, expanded, is there once the payer has confirmed.

    While the page is open a refused card is no outcome: the payer may try another one on it.
    """
    intent = session.payment_intent
    if session.status == "open" and session.url:
        return NeedsAction(provider_reference=session.id, redirect_url=session.url)
    if not isinstance(intent, stripe.PaymentIntent):
        return Cancelled(provider_reference=session.id)
    if session.status == "expired" and intent.status in ("requires_payment_method", "requires_action"):
        return Cancelled(provider_reference=session.id)
    return outcome_of(intent)


def captured_of(intent: stripe.PaymentIntent) -> Captured | Pending:
    """What a captured PaymentIntent brought; the fee is not there until Stripe has booked the charge."""
    if intent.status != "succeeded":
        return Pending()
    charge = _charge(intent)
    booked = charge.balance_transaction if charge is not None else None
    if not isinstance(booked, stripe.BalanceTransaction):
        # just captured: Stripe books a moment later
        return Captured(captured_at=clock.now(), amount_minor=intent.amount_received, fee_minor=None)
    return Captured(captured_at=moment(booked.created), amount_minor=intent.amount_received, fee_minor=booked.fee)


def refunded_of(refund: stripe.Refund) -> Refunded:
    """A refund; pending and requires_action are on their way."""
    status = _REFUNDS.get(refund.status or "", "submitted")
    return Refunded(provider_reference=refund.id, amount_minor=refund.amount, status=status)


def view_of(intent: stripe.PaymentIntent, refunds: list[stripe.Refund]) -> ProviderView:
    """The whole truth about a payment. Its latest charge and balance transaction must be expanded."""
    captured = captured_of(intent)
    is_captured = isinstance(captured, Captured)
    charge = _charge(intent)
    made = tuple(map(refunded_of, refunds))
    return ProviderView(
        provider_reference=intent.id,
        public_id=meta(intent, PAYMENT) or "",
        outcome=outcome_of(intent),
        amount_minor=intent.amount,
        currency=intent.currency.upper(),
        is_captured=is_captured,
        captured_minor=captured.amount_minor if isinstance(captured, Captured) else 0,
        captured_at=captured.captured_at if isinstance(captured, Captured) else None,
        fee_minor=captured.fee_minor if isinstance(captured, Captured) else None,
        refunded_minor=sum(refund.amount_minor for refund in made if refund.status != "error"),
        refunds=made,
        is_disputed=charge is not None and charge.disputed,
    )


def session_view(session: stripe.checkout.Session) -> ProviderView:
    """The truth about a hosted entry that no payment has come of."""
    return ProviderView(
        provider_reference=session.id,
        public_id=session.client_reference_id or "",
        outcome=session_outcome(session),
        amount_minor=session.amount_total or 0,
        currency=(session.currency or "gbp").upper(),
    )


def payout_status(status: str) -> PayoutStatus:
    """How far a payout is."""
    return _PAYOUTS.get(status, "pending")


def dispute_of(dispute: stripe.Dispute) -> DisputeView | None:
    """A dispute; None for an inquiry (warning_…), which holds no money."""
    status, payment = _DISPUTES.get(dispute.status), name_of(dispute.payment_intent)
    if status is None or payment is None:
        return None
    due = dispute.evidence_details.due_by
    return DisputeView(
        dispute_reference=dispute.id,
        payment_reference=payment,
        amount_minor=dispute.amount,
        fee_minor=sum(booked.fee for booked in dispute.balance_transactions),
        currency=dispute.currency.upper(),
        reason=_REASONS.get(dispute.reason, "other"),
        status=status,
        evidence_due_at=moment(due) if due else None,
        created_at=moment(dispute.created),
    )
