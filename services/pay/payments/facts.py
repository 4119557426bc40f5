"""What is told of a payment, whoever is told: rows become these, and these become answers and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Raw, Struct

from services.pay.payments.cards import LABELS


class Address(Struct, frozen=True, kw_only=True):
    line1: str | None = None
    line2: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None


class CardDetails(Struct, frozen=True, kw_only=True):
    """What is known of a card; card_brand as the wire shows it."""

    last_digits_card_number: str | None = None
    first_digits_card_number: str | None = None
    cardholder_name: str | None = None
    expiry_date: str | None = None
    billing_address: Address | None = None
    card_brand: str | None = None
    card_type: str | None = None
    wallet_type: str | None = None


class PaymentFacts(Struct, kw_only=True):
    """All that is told of a payment. Sums: minor units.

    metadata: JSON of an object, None or {} for none. surcharge_minor: None where there is no surcharge.
    refunded_minor: what was, or is being, given back. can_retry: of a rejected agreement payment.
    """

    public_id: str
    state: str
    amount_minor: int
    reference: str
    description: str
    provider: str
    created_at: datetime
    language: str = "en"
    return_url: str | None = None
    email: str | None = None
    metadata: Raw | Mapping[str, object] | None = None
    delayed_capture: bool = False
    is_moto: bool = False
    authorisation_mode: str = "web"
    agreement_id: str | None = None
    agreement_payment_type: str | None = None
    card: CardDetails | None = None
    surcharge_minor: int | None = None
    fee_minor: int | None = None
    net_minor: int | None = None
    refunded_minor: int = 0
    is_disputed: bool = False
    capture_submitted_at: datetime | None = None
    captured_on: date | None = None
    settled_on: date | None = None
    has_three_d_secure: bool | None = None
    provider_reference: str | None = None
    can_retry: bool | None = None
    line_items: Raw | None = None


def card_details(
    *,
    brand: str | None = None,
    card_type: str | None = None,
    first_six: str | None = None,
    last_four: str | None = None,
    expiry: str | None = None,
    cardholder_name: str | None = None,
    address: Address | None = None,
) -> CardDetails | None:
    """What is known of a card, None if nothing is. brand: as rules and rows name it, such as master-card."""
    known = (brand, card_type, first_six, last_four, expiry, cardholder_name, address)
    if all(value is None for value in known):
        return None
    return CardDetails(
        last_digits_card_number=last_four,
        first_digits_card_number=first_six,
        cardholder_name=cardholder_name,
        expiry_date=expiry,
        billing_address=address,
        card_brand=None if brand is None else LABELS.get(brand, brand),
        card_type=card_type,
    )
