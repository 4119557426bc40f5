"""The sandbox behind the Protocol: one account of it. Each call is one transaction of the sandbox's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec

from common import clock
from common.db import Database, Tx
from common.errors import PermanentProviderError, TransientProviderError
from services.pay.gateways.cards import Card, CardDetails
from services.pay.gateways.outcomes import (
    Authorised,
    Cancelled,
    Captured,
    DisputeView,
    HostedEntry,
    NeedsAction,
    Outcome,
    Payout,
    Pending,
    Processing,
    ProviderEvent,
    ProviderView,
    Refunded,
    Rejected,
)
from services.pay.gateways.protocol import Account, Language, NotOffered, Order
from services.pay.gateways.reasons import can_retry
from services.pay.gateways.sandbox import books, cards, signing, store
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.sandbox.settlement import store as books_store
from services.pay.gateways.sandbox.store import PaymentRow, RefundRow, fingerprint, new_id

T = TypeVar("T")

# PostgreSQL went away in the middle: for the caller, a provider that gave no answer
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


def _refunded(row: RefundRow) -> Refunded:
    return Refunded(provider_reference=row.id, amount_minor=row.amount_minor, status=row.status)


def _not_now(row: PaymentRow, what: str) -> PermanentProviderError:
    return PermanentProviderError(f"{what}: payment is {row.state}")


class SandboxGateway:
    """One account at the sandbox.

    challenge_url: the address of the 3-D Secure page, the payment's reference to be put at its end.
    """

    name = "sandbox"
    takes_cards = True
    least_amount_minor = 0
    supports_moto_api = True

    def __init__(self, db: Database, account: Account, *, faults: Faults, challenge_url: str, secret: str) -> None:
        self._db = db
        self._account = account.id
        self._faults = faults
        self._challenge_url = challenge_url
        self._secret = secret

    # authorisation ----------------------------------------------------------------------------------------------------

    async def authorise(self, order: Order, card: Card, *, key: str) -> Outcome:
        """Decide by the card's number. Raises PermanentProviderError for the card that stands for a fault."""
        magic = cards.MAGIC.get(card.number)
        if magic is None:
            return Rejected(reason="invalid-card-number", can_retry=can_retry("invalid-card-number"))
        if magic.fate == "error":
            raise PermanentProviderError("processing error")
        details = cards.details_of(magic, card)
        asked = fingerprint(order.public_id, order.amount_minor, order.currency, details.last_four, order.keep_card)
        fresh = False

        async def work(tx: Tx) -> Outcome:
            nonlocal fresh
            fresh = True
            skips = card.cardholder_name.strip() == cards.SKIP_EVIDENCE
            return await self._decide(tx, self._row(order, key, magic, details, skips_evidence=skips))

        outcome = await self._once("authorise", key, asked, work, Outcome)
        if fresh and magic.fate == "unknown":
            raise TransientProviderError("timeout", sent_unknown=True)
        if isinstance(outcome, Authorised | Rejected) and outcome.card is not None:
            return msgspec.structs.replace(outcome, card=cards.with_holder(outcome.card, card))
        return outcome

    async def hosted_entry(
        self, order: Order, *, success_url: str, cancel_url: str, language: Language, key: str
    ) -> HostedEntry:
        """Raises NotOffered: our own page collects the sandbox's cards."""
        raise NotOffered("hosted entry")

    async def charge_agreement(self, order: Order, token: str, *, key: str) -> Outcome:
        """Decide by the kept card's fate. A forgotten card is a refusal that is not worth another try."""
        asked = fingerprint(order.public_id, order.amount_minor, order.currency, token)

        async def work(tx: Tx) -> Outcome:
            kept = await store.token(tx, self._account, token)
            if kept is None:
                return Rejected(reason="invalid-card-number", can_retry=False)
            magic = cards.Magic(
                brand="unknown",
                type="credit",
                fate="declined" if kept.fate == "declined-when-recurring" else "good",
                # the payer is not there to answer a challenge, and need not be: the first payment was authenticated
                reason=kept.reason,
            )
            details = msgspec.convert(kept.card, CardDetails)
            return await self._decide(tx, self._row(order, key, magic, details))

        return await self._once("charge_agreement", key, asked, work, Outcome)

    def _row(
        self, order: Order, key: str, magic: cards.Magic, details: CardDetails, *, skips_evidence: bool = False
    ) -> PaymentRow:
        now = clock.now()
        return PaymentRow(
            id=new_id("sbp"),
            account_id=self._account,
            public_id=order.public_id,
            key=key,
            amount_minor=order.amount_minor,
            currency=order.currency,
            state="processing",
            fate=magic.fate,
            reason=magic.reason,
            card=msgspec.to_builtins(details),
            skips_evidence=skips_evidence,
            has_three_d_secure=False,
            keeps_card=order.keep_card,
            token=None,
            return_url=order.return_url,
            ready_at=now + books.SLOW,
            captured_minor=0,
            captured_at=None,
            fee_minor=None,
            refunded_minor=0,
            is_disputed=False,
            created_at=now,
        )

    async def _decide(self, tx: Tx, row: PaymentRow) -> Outcome:
        match row.fate:
            case "declined":
                decided = msgspec.structs.replace(row, state="rejected", ready_at=None)
            case "three-d-secure" | "three-d-secure-then-declined":
                decided = msgspec.structs.replace(row, state="needs-action", ready_at=None)
            case "slow":
                decided = row
            case _:
                token = await books.keep_card(tx, row, row.created_at)
                decided = msgspec.structs.replace(row, state="authorised", ready_at=None, token=token)
        await store.add_payment(tx, decided)
        return self._outcome(decided)

    def _outcome(self, row: PaymentRow) -> Outcome:
        details = msgspec.convert(row.card, CardDetails)
        match row.state:
            case "needs-action":
                return NeedsAction(provider_reference=row.id, redirect_url=f"{self._challenge_url}{row.id}")
            case "processing":
                return Processing(provider_reference=row.id)
            case "cancelled":
                return Cancelled(provider_reference=row.id)
            case "rejected":
                return Rejected(
                    reason=row.reason, can_retry=can_retry(row.reason), provider_reference=row.id, card=details
                )
            case _:
                return Authorised(
                    provider_reference=row.id,
                    amount_minor=row.amount_minor,
                    card=details,
                    has_three_d_secure=row.has_three_d_secure,
                    stored=row.token,
                )

    async def finish_action(self, provider_reference: str) -> Outcome:
        """How a try stands now. Raises PermanentProviderError if there is none by this reference."""
        async with self._asked("finish_action") as tx:
            return self._outcome(await self._payment(tx, provider_reference))

    # money ------------------------------------------------------------------------------------------------------------

    async def capture(self, provider_reference: str, amount_minor: int, *, key: str) -> Captured | Pending:
        """Take what was set aside, or less. Raises PermanentProviderError if nothing is set aside."""

        async def work(tx: Tx) -> Captured:
            row = await self._payment(tx, provider_reference, for_update=True)
            if row.state == "captured" and row.captured_minor == amount_minor:
                return _captured(row)
            if row.state != "authorised":
                raise _not_now(row, "capture")
            if not 0 <= amount_minor <= row.amount_minor:
                raise PermanentProviderError("capture: more than was set aside")
            return _captured(await books.capture(tx, row, amount_minor, clock.now()))

        return await self._once("capture", key, fingerprint(provider_reference, amount_minor), work, Captured)

    async def cancel(self, provider_reference: str, *, key: str) -> None:
        """Let go of what was set aside."""

        async def work(tx: Tx) -> dict[str, str]:
            row = await self._payment(tx, provider_reference, for_update=True)
            if row.state == "captured":
                raise _not_now(row, "cancel")
            if row.state not in ("cancelled", "rejected"):
                await store.set_state(tx, row.id, "cancelled")
            return {}

        await self._once("cancel", key, fingerprint(provider_reference), work, dict[str, str])

    async def refund(self, provider_reference: str, amount_minor: int, *, key: str) -> Refunded:
        """Give back. Raises PermanentProviderError if not captured, disputed, or more than is left."""

        async def work(tx: Tx) -> Refunded:
            row = await self._payment(tx, provider_reference, for_update=True)
            if row.state != "captured":
                raise _not_now(row, "refund")
            if row.is_disputed:
                raise PermanentProviderError("refund: disputed")
            if not 0 < amount_minor <= row.captured_minor - row.refunded_minor:
                raise PermanentProviderError("refund: more than is left")
            now = clock.now()
            fails = row.fate == "refund-fails"
            made = RefundRow(
                id=new_id("sbr"),
                account_id=self._account,
                payment_id=row.id,
                key=key,
                amount_minor=amount_minor,
                status="submitted" if fails else "success",
                ready_at=now + books.STEP if fails else None,
                created_at=now,
            )
            await books.refund(tx, row, made, now)
            return _refunded(made)

        return await self._once("refund", key, fingerprint(provider_reference, amount_minor), work, Refunded)

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
        """The newest try, the one made under a key, or the one of a reference; a call that still runs is awaited."""
        async with self._asked("find") as tx:
            if key is not None:
                for operation in ("authorise", "charge_agreement"):
                    await store.lock(tx, self._account, operation, key)
            if provider_reference is not None:
                row = await store.payment(tx, self._account, provider_reference)
            else:
                row = await store.latest_try(tx, self._account, public_id, key)
            return None if row is None else await self._view(tx, row)

    async def _view(self, tx: Tx, row: PaymentRow) -> ProviderView:
        return ProviderView(
            provider_reference=row.id,
            public_id=row.public_id,
            outcome=self._outcome(row),
            amount_minor=row.amount_minor,
            currency=row.currency,
            is_captured=row.state == "captured",
            captured_minor=row.captured_minor,
            captured_at=row.captured_at,
            fee_minor=row.fee_minor,
            refunded_minor=row.refunded_minor,
            refunds=tuple(map(_refunded, await store.refunds(tx, row.id))),
            is_disputed=row.is_disputed,
        )

    async def find_refund(self, provider_reference: str, *, key: str) -> Refunded | None:
        """The refund asked for under a key; a call that still runs is awaited."""
        async with self._asked("find_refund") as tx:
            await store.lock(tx, self._account, "refund", key)
            row = await store.refund_by_key(tx, self._account, provider_reference, key)
            return None if row is None else _refunded(row)

    async def find_dispute(self, dispute_reference: str) -> DisputeView | None:
        """How a dispute stands."""
        async with self._asked("find_dispute") as tx:
            row = await books_store.dispute(tx, self._account, dispute_reference)
            if row is None:
                return None
            return books.dispute_view(row, (await self._payment(tx, row.payment_id)).currency)

    async def forget(self, token: str) -> None:
        """Delete a kept card."""
        async with self._asked("forget") as tx:
            await store.forget(tx, self._account, token)

    def read_events(self, raw: bytes, headers: Mapping[str, str]) -> list[ProviderEvent]:
        """What `SandboxProvider.undelivered` gave out."""
        return signing.read(raw, headers, self._secret)

    async def payouts(self, since: datetime) -> AsyncIterator[Payout]:
        """Payouts made since a moment; those that are due are made first."""
        async with self._asked("payouts") as tx:
            await books.settle(tx, clock.now(), self._account)
            rows = await books_store.payouts(tx, self._account, since)
        for row in rows:
            async with self._asked("payouts") as tx:
                entries = await books_store.paid_out(tx, row.id)
            yield books.payout(row, entries)

    # plumbing ---------------------------------------------------------------------------------------------------------

    async def _payment(self, tx: Tx, reference: str, *, for_update: bool = False) -> PaymentRow:
        row = await store.payment(tx, self._account, reference, for_update=for_update)
        if row is None:
            raise PermanentProviderError("unknown payment")
        return row

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Tx]:
        try:
            async with self._db.transaction() as tx:
                yield tx
        except _LOST:
            raise TransientProviderError("connection lost", sent_unknown=True) from None

    @asynccontextmanager
    async def _asked(self, operation: str) -> AsyncIterator[Tx]:
        """A question: what the clock says happens first."""
        self._faults.strike(operation, "before")
        async with self._transaction() as tx:
            await books.advance(tx, clock.now())
            yield tx
        self._faults.strike(operation, "after")

    async def _once(self, operation: str, key: str, asked: bytes, work: Callable[[Tx], Awaitable[T]], kind: Any) -> T:
        """Do a piece of work under a key, or give the answer it had. A PermanentProviderError burns no key."""
        self._faults.strike(operation, "before")
        async with self._transaction() as tx:
            await store.lock(tx, self._account, operation, key)
            earlier = await store.call(tx, self._account, operation, key)
            if earlier is None:
                answer = await work(tx)
                await store.remember(
                    tx, self._account, operation, key,
                    asked=asked, answer=msgspec.to_builtins(answer), at=clock.now(),
                )  # fmt: skip
            elif earlier[0] != asked:
                raise PermanentProviderError("idempotency key used for another call")
            else:
                answer = msgspec.convert(earlier[1], kind)
        self._faults.strike(operation, "after")
        return answer


def _captured(row: PaymentRow) -> Captured:
    if row.captured_at is None:
        raise LookupError(f"payment {row.id} is not captured")
    return Captured(captured_at=row.captured_at, amount_minor=row.captured_minor, fee_minor=row.fee_minor)
