"""What a card's number says of the card: brand, kind, prepaid, corporate.

Brands follow the ranges of ISO/IEC 7812 as their owners publish them. Kinds come from a small table of the test cards
of contract section 2, which is all that the sandbox sees; a real provider tells us the kind itself.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Brand: TypeAlias = Literal[
    "visa", "master-card", "american-express", "diners-club", "discover", "jcb", "unionpay", "maestro"
]
CardType: TypeAlias = Literal["credit", "debit"]

# as the wire shows them
LABELS: dict[str, str] = {
    "visa": "Visa",
    "master-card": "Mastercard",
    "american-express": "American Express",
    "diners-club": "Diners Club",
    "discover": "Discover",
    "jcb": "Jcb",
    "unionpay": "Union Pay",
    "maestro": "Maestro",
}


class CardKind(Struct, frozen=True, kw_only=True):
    """type: None when unknown, as for brands that have but one kind."""

    brand: Brand
    type: CardType | None = None
    is_prepaid: bool = False
    is_corporate: bool = False


# (first, last) of the leading digits; the longer range is asked first
_RANGES: tuple[tuple[str, str, Brand], ...] = (
    ("676770", "676774", "maestro"),
    ("6011", "6011", "discover"),
    ("2221", "2720", "master-card"),
    ("3528", "3589", "jcb"),
    ("6759", "6759", "maestro"),
    ("300", "305", "diners-club"),
    ("309", "309", "diners-club"),
    ("644", "649", "discover"),
    ("34", "34", "american-express"),
    ("37", "37", "american-express"),
    ("36", "36", "diners-club"),
    ("38", "39", "diners-club"),
    ("51", "55", "master-card"),
    ("50", "50", "maestro"),
    ("56", "58", "maestro"),
    ("62", "62", "unionpay"),
    ("63", "63", "maestro"),
    ("65", "65", "discover"),
    ("67", "67", "maestro"),
    ("4", "4", "visa"),
)

_KINDS: dict[str, CardKind] = {
    "400005": CardKind(brand="visa", type="debit"),
    "491761": CardKind(brand="visa", type="debit"),
    "510510": CardKind(brand="master-card", type="debit"),
    "400016": CardKind(brand="visa", type="debit", is_prepaid=True),
    "498808": CardKind(brand="visa", type="credit", is_corporate=True),
    "411111": CardKind(brand="visa", type="credit", is_corporate=True),
    "429318": CardKind(brand="visa", type="debit", is_corporate=True),
    "510118": CardKind(brand="master-card", type="debit", is_corporate=True),
    "413184": CardKind(brand="visa", type="debit", is_prepaid=True, is_corporate=True),
    "400018": CardKind(brand="visa", type="debit", is_prepaid=True, is_corporate=True),
    "520082": CardKind(brand="master-card", type="debit", is_prepaid=True, is_corporate=True),
    "675964": CardKind(brand="maestro", type="debit"),
}


def brand_of(number: str) -> Brand | None:
    """The brand of a number's leading digits; None for one that we do not know."""
    for first, last, brand in _RANGES:
        if first <= number[: len(first)] <= last:
            return brand
    return None


def kind_of(number: str) -> CardKind | None:
    """What a test card is; None for a brand that we do not know. What the table does not hold counts as credit."""
    known = _KINDS.get(number[:6])
    if known is not None:
        return known
    brand = brand_of(number)
    if brand is None:
        return None
    return CardKind(brand=brand, type="debit" if brand == "maestro" else "credit")


def surcharge_minor(card: CardKind, *, credit_minor: int, debit_minor: int, prepaid_debit_minor: int = 0) -> int:
    """What an account adds to a payment by this card: corporate cards only. Sums: the account's, 0 for none."""
    if not card.is_corporate:
        return 0
    if card.type == "debit":
        return prepaid_debit_minor if card.is_prepaid else debit_minor
    # a corporate prepaid credit card has no surcharge in the original
    return 0 if card.is_prepaid else credit_minor


# why a provider refused a recurring payment, and another try with the same card is no use (contract section 1.7)
NO_RETRY = frozenset(
    {
        "authentication_required",
        "capture_card",
        "closed_account",
        "do_not_retry",
        "expired_card",
        "incorrect_number",
        "invalid_card_number",
        "invalid_transaction",
        "invalid_cvv2",
        "lost_card",
        "no_such_issuer",
        "pickup_card",
        "restricted_card",
        "revocation_of_authorisation",
        "revocation_of_all_authorisation",
        "stolen_card",
        "stop_payment_order",
        "transaction_not_permitted",
    }
)


def can_retry(reason: str) -> bool:
    """Whether a recurring payment that was rejected for this reason may be tried again."""
    return reason not in NO_RETRY
