"""Stripe behind the Protocol: one account. No card number ever comes here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import stripe

from common import clock
from common.errors import PermanentProviderError, TransientProviderError
from services.pay.gateways.cards import Card
from services.pay.gateways.outcomes import (
    Captured,
    DisputeView,
    HostedEntry,
    Outcome,
    Payout,
    Pending,
    ProviderEvent,
    ProviderView,
    Refunded,
    Rejected,
)
from services.pay.gateways.protocol import Language, NotOffered, Order
from services.pay.gateways.stripe_gateway import events, requests
from services.pay.gateways.stripe_gateway.calls import calling
from services.pay.gateways.stripe_gateway.declines import rejected
from services.pay.gateways.stripe_gateway.payouts import payouts_of
from services.pay.gateways.stripe_gateway.reading import (
    KEY,
    PAYMENT,
    REFUND,
    captured_of,
    dispute_of,
    meta,
    outcome_of,
    refunded_of,
    session_outcome,
    session_view,
    view_of,
)

if TYPE_CHECKING:
    from stripe._request_options import RequestOptions

# How long a new PaymentIntent may be missing from Stripe's search (under a minute as a rule, longer in an outage).
SEARCH_LAG: Final = timedelta(minutes=5)

_CHARGED: Final = ["latest_charge"]
_BOOKED: Final = ["latest_charge.balance_transaction"]
_ENTERED: Final = ["payment_intent.latest_charge"]
_NO_SUCH: Final = "resource_missing"
_WRONG_STATE: Final = "payment_intent_unexpected_state"


class StripeGateway:
    """One account at Stripe.

    deadline_s: no call takes longer, stripe-python's own repeats included.
    """

    name = "stripe"
    takes_cards = False
    least_amount_minor = 30
    supports_moto_api = False

    def __init__(
        self, client: stripe.StripeClient, *, connected_account: str | None, secrets: tuple[str, ...], deadline_s: float
    ) -> None:
        self._client = client
        self._stripe = client.v1
        self._connected = connected_account
        self._secrets = secrets
        self._deadline_s = deadline_s

    def _options(self, key: str | None = None) -> RequestOptions:
        options: RequestOptions = {}
        if key is not None:
            options["idempotency_key"] = key
        if self._connected is not None:
            options["stripe_account"] = self._connected
        return options

    # authorisation ----------------------------------------------------------------------------------------------------

    async def authorise(self, order: Order, card: Card, *, key: str) -> Outcome:
        """Raises NotOffered: cards are entered on Stripe's page."""
        raise NotOffered("authorise")

    async def hosted_entry(
        self, order: Order, *, success_url: str, cancel_url: str, language: Language, key: str
    ) -> HostedEntry:
        """A Checkout Session. Raises NotOffered for MOTO, which Checkout does not know."""
        if order.is_moto:
            raise NotOffered("moto on the hosted page")
        params = requests.session(order, success_url=success_url, cancel_url=cancel_url, language=language, key=key)
        async with calling(self._deadline_s):
            session = await self._stripe.checkout.sessions.create_async(params, self._options(f"hosted-{key}"))
        if not session.url:
            raise PermanentProviderError("the hosted entry has no address")
        return HostedEntry(provider_reference=session.id, url=session.url)

    async def charge_agreement(self, order: Order, token: str, *, key: str) -> Outcome:
        """An off-session PaymentIntent. A card that is gone is a refusal that is not worth another try."""
        params = requests.off_session(order, token, key=key)
        async with calling(self._deadline_s):
            try:
                intent = await self._stripe.payment_intents.create_async(params, self._options(f"recurring-{key}"))
            except stripe.CardError as error:
                made = getattr(error.error, "payment_intent", None)
                return rejected(error.error, getattr(made, "id", None))
            except stripe.InvalidRequestError as error:
                if error.code == _NO_SUCH and error.param in ("customer", "payment_method"):
                    return Rejected(reason="invalid-card-number", can_retry=False)
                raise
        return outcome_of(intent)

    async def finish_action(self, provider_reference: str) -> Outcome:
        """How a session or a PaymentIntent stands now."""
        async with calling(self._deadline_s, only_reads=True):
            if provider_reference.startswith("cs_"):
                return session_outcome(await self._session(provider_reference))
            return outcome_of(await self._intent(provider_reference, _CHARGED))

    async def _session(self, reference: str) -> stripe.checkout.Session:
        return await self._stripe.checkout.sessions.retrieve_async(reference, {"expand": _ENTERED}, self._options())

    async def _intent(self, reference: str, expand: list[str]) -> stripe.PaymentIntent:
        return await self._stripe.payment_intents.retrieve_async(reference, {"expand": expand}, self._options())

    # money ------------------------------------------------------------------------------------------------------------

    async def capture(self, provider_reference: str, amount_minor: int, *, key: str) -> Captured | Pending:
        """Capture a PaymentIntent. One that was captured before, with the same amount, is as good."""
        async with calling(self._deadline_s):
            try:
                intent = await self._stripe.payment_intents.capture_async(
                    provider_reference,
                    {"amount_to_capture": amount_minor, "expand": _BOOKED},
                    self._options(f"capture-{key}"),
                )
            except stripe.InvalidRequestError as error:
                if error.code != _WRONG_STATE:
                    raise
                intent = await self._intent(provider_reference, _BOOKED)
                if intent.status not in ("succeeded", "processing") or (
                    intent.status == "succeeded" and intent.amount_received != amount_minor
                ):
                    raise PermanentProviderError(f"capture: payment is {intent.status}") from None
        return captured_of(intent)

    async def cancel(self, provider_reference: str, *, key: str) -> None:
        """Cancel a PaymentIntent, or expire a session and cancel what came of it meanwhile."""
        async with calling(self._deadline_s):
            if not provider_reference.startswith("cs_"):
                await self._cancel_intent(provider_reference, key)
                return
            try:
                await self._stripe.checkout.sessions.expire_async(
                    provider_reference, options=self._options(f"expire-{key}")
                )
            except stripe.InvalidRequestError as error:
                if error.code == _NO_SUCH:
                    raise
                # not open any more: the payer was quicker, or it ran out
                session = await self._session(provider_reference)
                intent = session.payment_intent
                if isinstance(intent, stripe.PaymentIntent) and session.status == "complete":
                    await self._cancel_intent(intent.id, key)

    async def _cancel_intent(self, reference: str, key: str) -> None:
        try:
            await self._stripe.payment_intents.cancel_async(reference, options=self._options(f"cancel-{key}"))
        except stripe.InvalidRequestError as error:
            if error.code != _WRONG_STATE:
                raise
            intent = await self._intent(reference, [])
            if intent.status != "canceled":
                raise PermanentProviderError(f"cancel: payment is {intent.status}") from None

    async def refund(self, provider_reference: str, amount_minor: int, *, key: str) -> Refunded:
        """Give back; Stripe refuses more than is left."""
        async with calling(self._deadline_s):
            refund = await self._stripe.refunds.create_async(
                {"payment_intent": provider_reference, "amount": amount_minor, "metadata": {REFUND: key}},
                self._options(f"refund-{key}"),
            )
        return refunded_of(refund)

    # the truth --------------------------------------------------------------------------------------------------------

    async def find(
        self,
        public_id: str,
        provider_reference: str | None = None,
        *,
        key: str | None = None,
        token: str | None = None,
        intended_at: datetime | None = None,
    ) -> ProviderView | None:
        """By reference; else among the kept card's PaymentIntents, which are there at once; else by Stripe's search.

        Raises TransientProviderError while the search may still lag behind `intended_at`.
        """
        async with calling(self._deadline_s, only_reads=True):
            if provider_reference is not None:
                return await self._find_reference(provider_reference)
            if token is not None:
                found = await self._find_by_customer(token, public_id, key)
                return None if found is None else await self._find_reference(found)
            found = await self._search(public_id, key)
            if found is not None:
                return await self._find_reference(found)
        if intended_at is not None and (left := SEARCH_LAG - (clock.now() - intended_at)) > timedelta(0):
            raise TransientProviderError("not in the search yet", retry_after_s=left.total_seconds())
        return None

    async def _find_reference(self, reference: str) -> ProviderView | None:
        try:
            if reference.startswith("cs_"):
                session = await self._session(reference)
                if not isinstance(session.payment_intent, stripe.PaymentIntent) or session.status == "open":
                    return session_view(session)
                reference = session.payment_intent.id
            intent = await self._intent(reference, _BOOKED)
        except stripe.InvalidRequestError as error:
            if error.code == _NO_SUCH:
                return None
            raise
        refunds = [refund async for refund in await self._refunds(reference)] if intent.amount_received else []
        return view_of(intent, refunds)

    async def _find_by_customer(self, token: str, public_id: str, key: str | None) -> str | None:
        page = await self._stripe.payment_intents.list_async(
            {"customer": token.partition("/")[0], "limit": 100}, self._options()
        )
        async for intent in page.auto_paging_iter():
            if meta(intent, PAYMENT) == public_id and key in (None, meta(intent, KEY)):
                return intent.id
        return None

    async def _search(self, public_id: str, key: str | None) -> str | None:
        query = f"metadata['{PAYMENT}']:'{requests.quoted(public_id)}'"
        if key is not None:
            query += f" AND metadata['{KEY}']:'{requests.quoted(key)}'"
        page = await self._stripe.payment_intents.search_async({"query": query, "limit": 100}, self._options())
        newest = max(page.data, key=lambda intent: intent.created, default=None)
        return None if newest is None else newest.id

    async def _refunds(self, reference: str) -> AsyncIterator[stripe.Refund]:
        page = await self._stripe.refunds.list_async({"payment_intent": reference, "limit": 100}, self._options())
        return page.auto_paging_iter()

    async def find_refund(self, provider_reference: str, *, key: str) -> Refunded | None:
        """The payment's refund that carries our id."""
        async with calling(self._deadline_s, only_reads=True):
            async for refund in await self._refunds(provider_reference):
                if meta(refund, REFUND) == key:
                    return refunded_of(refund)
        return None

    async def find_dispute(self, dispute_reference: str) -> DisputeView | None:
        """How a dispute stands; None also for an inquiry."""
        async with calling(self._deadline_s, only_reads=True):
            try:
                dispute = await self._stripe.disputes.retrieve_async(dispute_reference, options=self._options())
            except stripe.InvalidRequestError as error:
                if error.code == _NO_SUCH:
                    return None
                raise
        return dispute_of(dispute)

    async def forget(self, token: str) -> None:
        """Delete the customer, and with it the card."""
        async with calling(self._deadline_s):
            try:
                await self._stripe.customers.delete_async(token.partition("/")[0], options=self._options())
            except stripe.InvalidRequestError as error:
                if error.code != _NO_SUCH:
                    raise

    def read_events(self, raw: bytes, headers: Mapping[str, str]) -> list[ProviderEvent]:
        """A webhook of this or any other account of the platform: look at `connected_account`."""
        return events.read(raw, headers, self._secrets)

    async def payouts(self, since: datetime) -> AsyncIterator[Payout]:
        """Automatic payouts with their balance transactions; Stripe does not say what a manual payout holds."""
        async for payout in payouts_of(self._client, self._options(), since, deadline_s=self._deadline_s):
            yield payout
