"""The sandbox's magic cards (contract section 2, and Stripe's test numbers): each number has its fate."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from services.pay.gateways.cards import Card, CardBrand, CardDetails, CardType
from services.pay.gateways.reasons import RejectedReason

Fate = Literal[
    "good",
    "declined",
    "error",
    "three-d-secure",
    "three-d-secure-then-declined",
    "declined-when-recurring",
    "dispute-lost",
    "dispute-won",
    "refund-fails",
    "slow",
    "unknown",
]


class Magic(msgspec.Struct, frozen=True, kw_only=True):
    """What a magic card is and what becomes of it. reason: of its refusal, for fates that refuse."""

    brand: CardBrand
    type: CardType
    fate: Fate = "good"
    reason: RejectedReason = "generic-decline"
    is_prepaid: bool = False
    is_corporate: bool = False


def _visa(fate: Fate = "good", reason: RejectedReason = "generic-decline") -> Magic:
    return Magic(brand="visa", type="credit", fate=fate, reason=reason)


MAGIC: Final[dict[str, Magic]] = {
    # good
    "4444333322221111": _visa(),
    "4242424242424242": _visa(),
    "4000000000000010": _visa(),
    "4000020000000000": _visa(),
    "4917610000000000003": Magic(brand="visa", type="debit"),
    "4000056655665556": Magic(brand="visa", type="debit"),
    "371449635398431": Magic(brand="american-express", type="credit"),
    "3566002020360505": Magic(brand="jcb", type="credit"),
    "6011000990139424": Magic(brand="discover", type="credit"),
    "36148900647913": Magic(brand="diners-club", type="credit"),
    "222100000000000": Magic(brand="master-card", type="credit"),
    "2221000000000009": Magic(brand="master-card", type="credit"),
    "5200828282828210": Magic(brand="master-card", type="debit"),
    "4000160000000004": Magic(brand="visa", type="debit", is_prepaid=True),
    # good, corporate
    "4988080000000000": Magic(brand="visa", type="credit", is_corporate=True),
    "4111111111111111": Magic(brand="visa", type="credit", is_corporate=True),
    "4293189100000008": Magic(brand="visa", type="debit", is_corporate=True),
    "4000180000000002": Magic(brand="visa", type="debit", is_corporate=True),
    "5101180000000007": Magic(brand="master-card", type="credit", is_corporate=True),
    "4131840000000003": Magic(brand="visa", type="debit", is_prepaid=True, is_corporate=True),
    # refused
    "4000000000000002": _visa("declined"),
    "4000000000000069": _visa("declined", "expired-card"),
    "4000000000000127": _visa("declined", "invalid-cvc"),
    "4000000000009995": _visa("declined", "insufficient-funds"),
    "4000000000009987": _visa("declined", "lost-card"),
    "4000000000009979": _visa("declined", "stolen-card"),
    # a fault of the provider
    "4000000000000119": _visa("error"),
    # 3-D Secure
    "4000002500003155": _visa("three-d-secure"),
    "4000002760003184": _visa("three-d-secure"),
    "4000008260003178": _visa("three-d-secure-then-declined", "insufficient-funds"),
    # good with the payer present, refused in recurring payments
    "5105105105105100": Magic(brand="master-card", type="credit", fate="declined-when-recurring"),
    "4000000000000341": _visa("declined-when-recurring", "stolen-card"),
    # good, and then
    "4000000000000259": _visa("dispute-lost"),
    "4000000000002685": _visa("dispute-won"),
    "4000000000005126": _visa("refund-fails"),
    # ours alone: an answer that takes some seconds, and one that is lost on its way back
    "4000000000004087": _visa("slow"),
    "4000000000005043": _visa("unknown"),
}

# Known to the sandbox as a brand, with no card of it accepted.
_MAESTRO: Final = "6759649826438453"

SKIP_EVIDENCE: Final = "skip_evidence"


def look_up(number: str) -> CardDetails | None:
    """What can be told of a card before it is asked, for surcharges and checks of its type; None = no such card."""
    if number == _MAESTRO:
        return CardDetails(brand="maestro", type="debit", is_prepaid=False, is_corporate=False)
    magic = MAGIC.get(number)
    return None if magic is None else _details(magic, number)


def _details(magic: Magic, number: str) -> CardDetails:
    return CardDetails(
        brand=magic.brand,
        type=magic.type,
        first_six=number[:6],
        last_four=number[-4:],
        is_prepaid=magic.is_prepaid,
        is_corporate=magic.is_corporate,
    )


def details_of(magic: Magic, card: Card) -> CardDetails:
    """What the sandbox keeps of a card: nothing personal."""
    return msgspec.structs.replace(
        _details(magic, card.number), expiry=f"{card.expiry_month:02}/{card.expiry_year % 100:02}"
    )


def with_holder(details: CardDetails, card: Card) -> CardDetails:
    """The details with the name and address that the payer gave."""
    return msgspec.structs.replace(details, cardholder_name=card.cardholder_name, billing_address=card.address)
