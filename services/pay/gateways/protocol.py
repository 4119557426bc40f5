"""What Pay asks of anything that moves money.

A gateway is bound to one account (a service in one mode). Every call that changes something carries a `key`: the same
key again gives the same outcome and moves nothing twice. A key stands for one call with one set of arguments: after a
refusal, another try needs a new key. Providers forget keys (Stripe after 24 hours), so a call whose outcome is unknown
and that is older than KEY_LASTS must be asked for by `find` or `find_refund`, never repeated.

What the payer's bank decides is an outcome, returned. What the world does wrong is a ProviderError, raised:
TransientProviderError with `sent_unknown` when the call may have taken effect. Reasons never hold personal data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, Protocol
from uuid import UUID

from common.errors import PermanentProviderError
from services.pay.gateways.cards import Address, Card, CardBrand, CardDetails, CardType, Private
from services.pay.gateways.outcomes import (
    Authorised,
    Cancelled,
    Captured,
    DisputeReason,
    DisputeStatus,
    DisputeView,
    HostedEntry,
    NeedsAction,
    Outcome,
    Payout,
    PayoutItem,
    PayoutItemKind,
    PayoutStatus,
    PayoutView,
    Pending,
    Processing,
    ProviderEvent,
    ProviderEventKind,
    ProviderView,
    Refunded,
    RefundStatus,
    RefundView,
    Rejected,
)
from services.pay.gateways.reasons import RejectedReason

# Flows take everything from here and know no adapter.
__all__ = [
    "KEY_LASTS",
    "Account",
    "Address",
    "Authorised",
    "BadEvent",
    "Cancelled",
    "Captured",
    "Card",
    "CardBrand",
    "CardDetails",
    "CardType",
    "DisputeReason",
    "DisputeStatus",
    "DisputeView",
    "Gateway",
    "HostedEntry",
    "Language",
    "Mode",
    "NeedsAction",
    "NotOffered",
    "Order",
    "Outcome",
    "Payout",
    "PayoutItem",
    "PayoutItemKind",
    "PayoutStatus",
    "PayoutView",
    "Pending",
    "Processing",
    "ProviderEvent",
    "ProviderEventKind",
    "ProviderView",
    "RefundStatus",
    "RefundView",
    "Refunded",
    "Rejected",
    "RejectedReason",
]

# an hour less than the shortest memory of a provider
KEY_LASTS: Final = timedelta(hours=23)

Mode = Literal["live", "test"]
Language = Literal["en", "cy", "es"]


class NotOffered(PermanentProviderError):
    """This provider has no such operation; asking was our mistake."""


class BadEvent(Exception):
    """An event that did not come from the provider, is too old, or cannot be read."""


class Account(Private, frozen=True, kw_only=True):
    """A service's account at a provider, in one mode.

    api_key: the account's own secret key, None = the platform's key.
    connected_account: the account to act for under the platform's key (Stripe Connect), None = the key's own account.
    """

    shown: ClassVar[tuple[str, ...]] = ("id", "mode", "provider")

    id: UUID
    service_id: UUID
    mode: Mode
    provider: Literal["sandbox", "stripe"]
    api_key: str | None = None
    connected_account: str | None = None


class Order(Private, frozen=True, kw_only=True):
    """What is to be paid.

    amount_minor: all that the payer pays, any surcharge included.
    return_url: where the provider sends the browser after 3-D Secure.
    expires_at: when a hosted entry closes, None = the provider's own term. Stripe: 30 minutes to 24 hours ahead, and
        the same under the same key.
    keep_card: the card is to be kept for later payments without the payer (an agreement is being set up).
    """

    shown: ClassVar[tuple[str, ...]] = ("payment", "amount_minor", "currency")

    payment: UUID
    public_id: str
    amount_minor: int
    currency: str = "GBP"
    description: str
    reference: str
    email: str | None = None
    return_url: str | None = None
    expires_at: datetime | None = None
    is_moto: bool = False
    keep_card: bool = False
    collect_address: bool = True


class Gateway(Protocol):
    """One account at one provider.

    takes_cards: our own page collects the card (`authorise`); else the payer enters it at the provider
        (`hosted_entry`) and no card number reaches us.
    least_amount_minor: the provider refuses less.
    """

    name: str
    takes_cards: bool
    least_amount_minor: int
    supports_moto_api: bool

    async def authorise(self, order: Order, card: Card, *, key: str) -> Outcome:
        """Ask the payer's bank to set the money aside. Raises NotOffered where `takes_cards` is false."""
        ...

    async def hosted_entry(
        self, order: Order, *, success_url: str, cancel_url: str, language: Language, key: str
    ) -> HostedEntry:
        """A page of the provider's own where the payer enters a card. Raises NotOffered where `takes_cards` is true."""
        ...

    async def charge_agreement(self, order: Order, token: str, *, key: str) -> Outcome:
        """Ask for the money with a kept card, the payer not present."""
        ...

    async def finish_action(self, provider_reference: str) -> Outcome:
        """How it stands after 3-D Secure, the hosted page or an event: asked, never guessed.

        The outcome's `provider_reference` may differ from the one asked for (a hosted entry becomes a payment): keep
        the new one. `NeedsAction`: the payer has not finished.
        """
        ...

    async def capture(self, provider_reference: str, amount_minor: int, *, key: str) -> Captured | Pending:
        """Take the money that was set aside; what is set aside above the amount goes free."""
        ...

    async def cancel(self, provider_reference: str, *, key: str) -> None:
        """Let go of what was set aside, or close an entry. Done before = fine; captured = PermanentProviderError."""
        ...

    async def refund(self, provider_reference: str, amount_minor: int, *, key: str) -> Refunded:
        """Give back part or all of what was captured. key: our id of the refund, by which it is found again."""
        ...

    async def find(
        self,
        public_id: str,
        provider_reference: str | None = None,
        *,
        key: str | None = None,
        token: str | None = None,
        intended_at: datetime | None = None,
    ) -> ProviderView | None:
        """The truth about a payment, by the provider's reference or by our ids; None = it surely never came.

        key: only what was made by the call with this key counts (a payment may have had several tries).
        token, intended_at: the kept card charged, and when we recorded that we would call. They let the provider be
            sure of a None; where it cannot be yet, it raises TransientProviderError with `retry_after_s`.
        """
        ...

    async def find_refund(self, provider_reference: str, *, key: str) -> Refunded | None:
        """The refund of a payment that was asked for with this key; None = it surely never came."""
        ...

    async def find_dispute(self, dispute_reference: str) -> DisputeView | None:
        """How a dispute stands."""
        ...

    async def forget(self, token: str) -> None:
        """Delete a kept card at the provider. Gone before = fine."""
        ...

    def read_events(self, raw: bytes, headers: Mapping[str, str]) -> list[ProviderEvent]:
        """What the provider posted, its signature checked on the raw body. Empty: nothing that concerns us.

        Events come late, twice and out of order, and what they hold may be out of date: take them as a reason to ask.
        Raises BadEvent.
        """
        ...

    def payouts(self, since: datetime) -> AsyncIterator[Payout]:
        """Payouts to the account's bank made since a moment, oldest first, each with all that it holds."""
        ...
