"""What we send to Stripe. The same order and key always make the same parameters, or Stripe refuses the repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.pay.gateways.protocol import Language, Order
from services.pay.gateways.stripe_gateway.reading import KEY, PAYMENT

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsPaymentIntentData

# Checkout has no Welsh.
_LOCALES: Final[dict[Language, str]] = {"en": "en-GB", "cy": "en-GB", "es": "es"}


def quoted(value: str) -> str:
    """A value within the quotes of a search query."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _notes(order: Order, key: str) -> dict[str, str]:
    # The team's reference stays with us: it often holds a name or a case number.
    return {PAYMENT: order.public_id, KEY: key}


def session(order: Order, *, success_url: str, cancel_url: str, language: Language, key: str) -> SessionCreateParams:
    """A Checkout Session for one payment by card, authorised and not captured."""
    intent: SessionCreateParamsPaymentIntentData = {
        "capture_method": "manual",
        "description": order.description,
        "metadata": _notes(order, key),
    }
    params: SessionCreateParams = {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": order.amount_minor,
                    "product_data": {"name": order.description},
                },
            }
        ],
        "payment_intent_data": intent,
        "client_reference_id": order.public_id,
        "metadata": _notes(order, key),
        "success_url": success_url,
        "cancel_url": cancel_url,
        "locale": _LOCALES[language],
        "billing_address_collection": "required" if order.collect_address else "auto",
    }
    if order.email is not None:
        params["customer_email"] = order.email
    if order.expires_at is not None:
        params["expires_at"] = int(order.expires_at.timestamp())
    if order.keep_card:
        params["customer_creation"] = "always"
        intent["setup_future_usage"] = "off_session"
    return params


def off_session(order: Order, token: str, *, key: str) -> PaymentIntentCreateParams:
    """A PaymentIntent that a kept card is to authorise at once, the payer not present."""
    customer, _, method = token.partition("/")
    return {
        "amount": order.amount_minor,
        "currency": order.currency.lower(),
        "customer": customer,
        "payment_method": method,
        "allowed_payment_method_types": ["card"],
        "capture_method": "manual",
        "confirm": True,
        "off_session": True,
        "description": order.description,
        "metadata": _notes(order, key),
        "expand": ["latest_charge"],
    }
