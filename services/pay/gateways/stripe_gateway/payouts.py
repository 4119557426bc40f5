"""Stripe's payouts and the balance transactions they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import stripe

from services.pay.gateways.outcomes import Payout, PayoutItem, PayoutItemKind
from services.pay.gateways.stripe_gateway.calls import calling
from services.pay.gateways.stripe_gateway.reading import moment, name_of, payout_status

if TYPE_CHECKING:
    from stripe._request_options import RequestOptions

# Stripe's reporting categories, which stay the same where the types of transactions multiply.
_KINDS: Final[dict[str, PayoutItemKind]] = {
    "charge": "payment",
    "refund": "refund",
    "refund_failure": "refund-failure",
    "dispute": "dispute",
    "dispute_reversal": "dispute-reversal",
    "fee": "fee",
}
_WITH_SOURCE: Final = frozenset({"refund", "refund-failure", "dispute", "dispute-reversal"})
# the payout's own transaction, and what undoes it
_ITSELF: Final = frozenset({"payout", "payout_reversal"})


def _item(booked: stripe.BalanceTransaction) -> PayoutItem:
    kind = _KINDS.get(booked.reporting_category, "other")
    source = booked.source
    payment = None if source is None or isinstance(source, str) else name_of(getattr(source, "payment_intent", None))
    return PayoutItem(
        reference=booked.id,
        kind=kind,
        amount_minor=booked.amount,
        fee_minor=booked.fee,
        net_minor=booked.net,
        happened_at=moment(booked.created),
        payment_reference=payment,
        source_reference=name_of(source) if kind in _WITH_SOURCE else None,
    )


async def payouts_of(
    client: stripe.StripeClient, options: RequestOptions, since: datetime, *, deadline_s: float
) -> AsyncIterator[Payout]:
    """Payouts made since a moment, oldest first. deadline_s: for each page of a list.

    Raises ProviderErrors.
    """
    made: list[stripe.Payout] = []
    last: str | None = None
    while True:
        async with calling(deadline_s, only_reads=True):
            page = await client.v1.payouts.list_async(
                {
                    "created": {"gte": int(since.timestamp())},
                    "limit": 100,
                    **({"starting_after": last} if last else {}),
                },
                options,
            )
        made.extend(page.data)
        if not page.has_more:
            break
        last = page.data[-1].id
    for payout in reversed(made):
        items = await _items(client, options, payout, deadline_s=deadline_s) if payout.automatic else []
        yield Payout(
            payout_reference=payout.id,
            status=payout_status(payout.status),
            amount_minor=payout.amount,
            currency=payout.currency.upper(),
            created_at=moment(payout.created),
            arrives_on=moment(payout.arrival_date).date(),
            items=tuple(items),
        )


async def _items(
    client: stripe.StripeClient, options: RequestOptions, payout: stripe.Payout, *, deadline_s: float
) -> list[PayoutItem]:
    items: list[PayoutItem] = []
    last: str | None = None
    while True:
        async with calling(deadline_s, only_reads=True):
            page = await client.v1.balance_transactions.list_async(
                {
                    "payout": payout.id,
                    "limit": 100,
                    "expand": ["data.source"],
                    **({"starting_after": last} if last else {}),
                },
                options,
            )
        items.extend(_item(booked) for booked in page.data if booked.reporting_category not in _ITSELF)
        if not page.has_more:
            return items[::-1]
        last = page.data[-1].id
