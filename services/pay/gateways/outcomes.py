"""What a gateway gives back. All of these are values; nothing in them is personal but CardDetails and tokens."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

import msgspec

from services.pay.gateways.cards import CardDetails, Private
from services.pay.gateways.reasons import RejectedReason

RefundStatus = Literal["submitted", "success", "error"]
DisputeStatus = Literal["needs_response", "under_review", "lost", "won"]
DisputeReason = Literal[
    "credit_not_processed",
    "duplicate",
    "fraudulent",
    "general",
    "product_not_received",
    "product_unacceptable",
    "unrecognised",
    "subscription_cancelled",
    "other",
]
PayoutStatus = Literal["pending", "in_transit", "paid", "failed", "cancelled"]


class Authorised(Private, frozen=True, kw_only=True, tag="authorised"):
    """The money is set aside (or has been taken since).

    amount_minor: how much, to be compared with what was asked. stored: a token of the kept card, None if none was kept.
    """

    shown: ClassVar[tuple[str, ...]] = ("provider_reference", "amount_minor")

    provider_reference: str
    amount_minor: int
    card: CardDetails
    has_three_d_secure: bool = False
    stored: str | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True, tag="rejected"):
    """The payer's bank (or the provider) said no. can_retry: the same card may be asked again later."""

    reason: RejectedReason
    can_retry: bool
    provider_reference: str | None = None
    card: CardDetails | None = None


class NeedsAction(msgspec.Struct, frozen=True, kw_only=True, tag="needs-action"):
    """The payer has something to do at `redirect_url`: 3-D Secure, or the hosted entry is still open."""

    provider_reference: str
    redirect_url: str


class Processing(msgspec.Struct, frozen=True, kw_only=True, tag="processing"):
    """The provider has not made up its mind: ask again."""

    provider_reference: str


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, tag="cancelled"):
    """Nothing will come of it: the payer gave up at the provider, the entry ran out, or it was cancelled."""

    provider_reference: str


Outcome = Authorised | Rejected | NeedsAction | Processing | Cancelled


class HostedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where the payer enters the card; one address may be opened again until it closes."""

    provider_reference: str
    url: str


class Captured(msgspec.Struct, frozen=True, kw_only=True, tag="captured"):
    """The money is ours. fee_minor: what the provider keeps, None = not known yet (ask `find` later)."""

    captured_at: datetime
    amount_minor: int
    fee_minor: int | None


class Pending(msgspec.Struct, frozen=True, tag="pending"):
    """The capture was taken and is not done: ask `find` later."""


class Refunded(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as the provider sees it."""

    provider_reference: str
    amount_minor: int
    status: RefundStatus


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's truth about one payment, to compare ours with.

    outcome: of the authorisation. captured_minor, refunded_minor: money that moved; failed refunds are not counted.
    """

    provider_reference: str
    public_id: str
    outcome: Outcome
    amount_minor: int
    currency: str
    is_captured: bool = False
    captured_minor: int = 0
    captured_at: datetime | None = None
    fee_minor: int | None = None
    refunded_minor: int = 0
    refunds: tuple[Refunded, ...] = ()
    is_disputed: bool = False


class RefundView(msgspec.Struct, frozen=True, kw_only=True, tag="refund"):
    """A refund that changed. key: our id of it, None if it was made at the provider by hand."""

    refund: Refunded
    key: str | None


class DisputeView(msgspec.Struct, frozen=True, kw_only=True, tag="dispute"):
    """A payer's complaint at their bank. amount_minor and fee_minor are what we lose if it is lost."""

    dispute_reference: str
    payment_reference: str
    amount_minor: int
    fee_minor: int
    currency: str
    reason: DisputeReason
    status: DisputeStatus
    evidence_due_at: datetime | None
    created_at: datetime


class PayoutView(msgspec.Struct, frozen=True, kw_only=True, tag="payout"):
    """A payout that changed."""

    payout_reference: str
    status: PayoutStatus


ProviderEventKind = Literal[
    "authorised",
    "rejected",
    "captured",
    "cancelled",
    "entry-finished",
    "entry-expired",
    "refund-changed",
    "dispute-changed",
    "payout-changed",
]


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The provider says that something happened.

    id: the same when the event comes twice. connected_account: whose event it is, None = the platform's own account.
    public_id: our payment id where the provider tells it, None to be found by `provider_reference`.
    """

    id: str
    kind: ProviderEventKind
    occurred_at: datetime
    is_live: bool
    connected_account: str | None = None
    provider_reference: str | None = None
    public_id: str | None = None
    details: RefundView | DisputeView | PayoutView | None = None


PayoutItemKind = Literal["payment", "refund", "refund-failure", "dispute", "dispute-reversal", "fee", "other"]


class PayoutItem(msgspec.Struct, frozen=True, kw_only=True):
    """One movement within a payout. amount_minor − fee_minor = net_minor; money that left us is negative.

    reference: the provider's name of this movement. payment_reference: the payment it belongs to, None for fees.
    source_reference: the refund or dispute itself, None for others.
    """

    reference: str
    kind: PayoutItemKind
    amount_minor: int
    fee_minor: int
    net_minor: int
    happened_at: datetime
    payment_reference: str | None = None
    source_reference: str | None = None


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way to the account's bank. amount_minor = the sum of its items' net_minor."""

    payout_reference: str
    status: PayoutStatus
    amount_minor: int
    currency: str
    created_at: datetime
    arrives_on: date
    items: tuple[PayoutItem, ...]
