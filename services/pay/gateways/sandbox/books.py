"""How money moves at the sandbox: fees, captures, disputes that run by the clock, and payouts on the next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from common.db import Tx
from services.pay.gateways.outcomes import (
    DisputeView,
    Payout,
    PayoutItem,
    PayoutView,
    ProviderEvent,
    ProviderEventKind,
    Refunded,
    RefundView,
)
from services.pay.gateways.sandbox import store
from services.pay.gateways.sandbox.settlement import store as books_store
from services.pay.gateways.sandbox.settlement.store import DisputeRow, EntryKind, EntryRow, PayoutRow
from services.pay.gateways.sandbox.store import PaymentRow, RefundRow, TokenRow, new_id

_DISPUTE_FEE_MINOR: Final = 1500
_EVIDENCE_TERM: Final = timedelta(days=7)
SLOW: Final = timedelta(seconds=3)
STEP: Final = timedelta(seconds=5)


def fee_minor(amount_minor: int) -> int:
    """What the sandbox keeps of a captured payment: 1.5 %, rounded half up, and 20 pence; nothing of nothing."""
    return (amount_minor * 15 + 500) // 1000 + 20 if amount_minor else 0


async def tell(
    tx: Tx,
    payment: PaymentRow | None,
    kind: ProviderEventKind,
    *,
    account_id: UUID,
    at: datetime,
    details: RefundView | DisputeView | PayoutView | None = None,
) -> None:
    """Have an event posted."""
    event = ProviderEvent(
        id=new_id("sbv"),
        kind=kind,
        occurred_at=at,
        is_live=False,
        connected_account=str(account_id),
        provider_reference=payment.id if payment else None,
        public_id=payment.public_id if payment else None,
        details=details,
    )
    await books_store.add_event(tx, event.id, account_id, msgspec.to_builtins(event), at)


def _entry(
    payment: PaymentRow, kind: EntryKind, amount: int, fee: int, *, at: datetime, source: str | None = None
) -> EntryRow:
    return EntryRow(new_id("sbe"), payment.account_id, kind, payment.id, source, payment.currency, amount, fee, at)


async def keep_card(tx: Tx, payment: PaymentRow, now: datetime) -> str | None:
    """Keep the card if asked to; its token."""
    if not payment.keeps_card:
        return None
    token = new_id("sbt")
    row = TokenRow(token, payment.account_id, payment.card, payment.fate, payment.reason, now)
    await store.add_token(tx, row)
    return token


async def authorise(tx: Tx, payment: PaymentRow, now: datetime, *, three_d_secure: bool = False) -> None:
    """Set the money aside after all, and keep the card if asked to."""
    token = await keep_card(tx, payment, now)
    await store.set_state(tx, payment.id, "authorised", token=token, three_d_secure=three_d_secure)


async def capture(tx: Tx, payment: PaymentRow, amount_minor: int, now: datetime) -> PaymentRow:
    """Take the money; some payers complain at once. The payment as it is now."""
    fee = fee_minor(amount_minor)
    await store.set_captured(tx, payment.id, amount_minor, at=now, fee_minor=fee)
    await books_store.add_entry(tx, _entry(payment, "payment", amount_minor, fee, at=now))
    if payment.fate in ("dispute-lost", "dispute-won"):
        await _open_dispute(tx, payment, amount_minor, now)
    return msgspec.structs.replace(
        payment, state="captured", captured_minor=amount_minor, captured_at=now, fee_minor=fee
    )


async def refund(tx: Tx, payment: PaymentRow, row: RefundRow, now: datetime) -> None:
    """Give money back; the fee stays with the sandbox."""
    await store.add_refund(tx, row)
    await books_store.add_entry(tx, _entry(payment, "refund", -row.amount_minor, 0, at=now, source=row.id))


# disputes -------------------------------------------------------------------------------------------------------------


def dispute_view(row: DisputeRow, currency: str) -> DisputeView:
    """A dispute as told to the world."""
    return DisputeView(
        dispute_reference=row.id,
        payment_reference=row.payment_id,
        amount_minor=row.amount_minor,
        fee_minor=row.fee_minor,
        currency=currency,
        reason="fraudulent",
        status=row.status,
        evidence_due_at=row.evidence_due_at,
        created_at=row.created_at,
    )


async def _tell_dispute(tx: Tx, payment: PaymentRow, row: DisputeRow, now: datetime) -> None:
    details = dispute_view(row, payment.currency)
    await tell(tx, payment, "dispute-changed", account_id=payment.account_id, at=now, details=details)


async def _open_dispute(tx: Tx, payment: PaymentRow, amount_minor: int, now: datetime) -> None:
    row = DisputeRow(
        id=new_id("sbd"),
        account_id=payment.account_id,
        payment_id=payment.id,
        amount_minor=amount_minor,
        fee_minor=_DISPUTE_FEE_MINOR,
        status="needs_response",
        ready_at=None if payment.skips_evidence else now + STEP,
        evidence_due_at=now + _EVIDENCE_TERM,
        created_at=now,
    )
    await books_store.add_dispute(tx, row)
    await store.set_disputed(tx, payment.id, True)
    entry = _entry(payment, "dispute", -amount_minor, _DISPUTE_FEE_MINOR, at=now, source=row.id)
    await books_store.add_entry(tx, entry)
    await _tell_dispute(tx, payment, row, now)


async def _step_dispute(tx: Tx, row: DisputeRow, now: datetime) -> None:
    payment = await store.any_payment(tx, row.payment_id)
    if payment is None:
        raise LookupError(f"dispute {row.id} has no payment")
    if row.status == "needs_response":
        moved = msgspec.structs.replace(row, status="under_review", ready_at=now + STEP)
    else:
        moved = msgspec.structs.replace(row, status="won" if payment.fate == "dispute-won" else "lost", ready_at=None)
    await books_store.set_dispute(tx, row.id, moved.status, moved.ready_at)
    if moved.status == "won":
        await store.set_disputed(tx, payment.id, False)
        entry = _entry(payment, "dispute-reversal", row.amount_minor, -row.fee_minor, at=now, source=row.id)
        await books_store.add_entry(tx, entry)
    await _tell_dispute(tx, payment, moved, now)


# the clock ------------------------------------------------------------------------------------------------------------


async def advance(tx: Tx, now: datetime) -> None:
    """Let happen what the clock says: slow payments answer, refunds fail, disputes take their next step."""
    for payment in await store.ripe_payments(tx, now):
        await authorise(tx, payment, now)
        await tell(tx, payment, "authorised", account_id=payment.account_id, at=now)
    for refund_row in await store.ripe_refunds(tx, now):
        payment_row = await store.any_payment(tx, refund_row.payment_id)
        if payment_row is None:
            raise LookupError(f"refund {refund_row.id} has no payment")
        await store.fail_refund(tx, refund_row)
        entry = _entry(payment_row, "refund-failure", refund_row.amount_minor, 0, at=now, source=refund_row.id)
        await books_store.add_entry(tx, entry)
        failed = Refunded(provider_reference=refund_row.id, amount_minor=refund_row.amount_minor, status="error")
        details = RefundView(refund=failed, key=refund_row.key)
        await tell(tx, payment_row, "refund-changed", account_id=payment_row.account_id, at=now, details=details)
    for dispute_row in await books_store.ripe_disputes(tx, now):
        await _step_dispute(tx, dispute_row, now)


async def settle(tx: Tx, now: datetime, account_id: UUID | None = None) -> None:
    """Pay out what moved before today (UTC). A sum of nothing or less waits for the next day.

    account_id: of one account only.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for account, currency in await books_store.unpaid_accounts(tx, today, account_id):
        await store.lock(tx, account, "payout", currency)
        held: list[EntryRow] = []
        entries = await books_store.unpaid(tx, account, currency, today)
        for at, entry in enumerate(entries):
            held.append(entry)
            day = entry.happened_at.astimezone(UTC).date()
            if at + 1 < len(entries) and entries[at + 1].happened_at.astimezone(UTC).date() == day:
                continue
            total = sum(row.amount_minor - row.fee_minor for row in held)
            if total > 0:
                row = PayoutRow(new_id("sbo"), account, currency, total, day + timedelta(days=1), now)
                await books_store.add_payout(tx, row, [held_row.id for held_row in held])
                view = PayoutView(payout_reference=row.id, status="paid")
                await tell(tx, None, "payout-changed", account_id=account, at=now, details=view)
                held = []


def payout(row: PayoutRow, entries: list[EntryRow]) -> Payout:
    """A payout as told to the world."""
    return Payout(
        payout_reference=row.id,
        status="paid",
        amount_minor=row.amount_minor,
        currency=row.currency,
        created_at=row.created_at,
        arrives_on=row.arrives_on,
        items=tuple(
            PayoutItem(
                reference=entry.id,
                kind=entry.kind,
                amount_minor=entry.amount_minor,
                fee_minor=entry.fee_minor,
                net_minor=entry.amount_minor - entry.fee_minor,
                happened_at=entry.happened_at,
                payment_reference=entry.payment_id,
                source_reference=entry.source_id,
            )
            for entry in entries
        ),
    )
