"""Stripe's test cards that our tests use, and what becomes of them."""

from __future__ import annotations

from typing import Final

import msgspec


class TestCard(msgspec.Struct, frozen=True, kw_only=True):
    """A test card. decline: (code, decline_code) of its refusal. off_session: refusal when the payer is not there.

    challenge: "always" asks for 3-D Secure each time the payer is present; "unless-kept" lets kept cards through later.
    """

    __test__ = False

    number: str
    brand: str = "visa"
    funding: str = "credit"
    decline: tuple[str, str | None] | None = None
    off_session: tuple[str, str | None] | None = None
    challenge: str | None = None
    dispute: str | None = None
    refund: str = "succeeded"


_DECLINED: Final = "card_declined"
_AUTHENTICATE: Final = ("authentication_required", "authentication_required")

CARDS: Final[dict[str, TestCard]] = {
    card.number: card
    for card in (
        TestCard(number="4242424242424242"),
        TestCard(number="4000056655665556", funding="debit"),
        TestCard(number="5555555555554444", brand="mastercard"),
        TestCard(number="5105105105105100", brand="mastercard", funding="prepaid"),
        TestCard(number="378282246310005", brand="amex"),
        TestCard(number="4000000000000002", decline=(_DECLINED, "generic_decline")),
        TestCard(number="4000000000009995", decline=(_DECLINED, "insufficient_funds")),
        TestCard(number="4000000000009987", decline=(_DECLINED, "lost_card")),
        TestCard(number="4000000000009979", decline=(_DECLINED, "stolen_card")),
        TestCard(number="4000000000000069", decline=("expired_card", "expired_card")),
        TestCard(number="4000000000000127", decline=("incorrect_cvc", "incorrect_cvc")),
        TestCard(number="4000000000000119", decline=("processing_error", "processing_error")),
        TestCard(number="4100000000000019", decline=(_DECLINED, "fraudulent")),
        TestCard(number="4000002500003155", challenge="unless-kept"),
        TestCard(number="4000002760003184", challenge="always", off_session=_AUTHENTICATE),
        TestCard(
            number="4000008260003178",
            challenge="always",
            decline=(_DECLINED, "insufficient_funds"),
            off_session=_AUTHENTICATE,
        ),
        TestCard(number="4000000000000259", dispute="fraudulent"),
        TestCard(number="4000000000002685", dispute="product_not_received"),
        TestCard(number="4000000000005126", refund="failed"),
        TestCard(number="4000000000007726", refund="pending"),
    )
}
