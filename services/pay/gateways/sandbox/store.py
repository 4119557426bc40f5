"""The sandbox's payments, refunds, kept cards and remembered calls. The only writer of these tables.

Every function takes the sandbox's own transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from common.db import Tx, many, maybe
from services.pay.gateways.outcomes import RefundStatus
from services.pay.gateways.reasons import RejectedReason
from services.pay.gateways.sandbox.cards import Fate

State = Literal["needs-action", "processing", "authorised", "captured", "cancelled", "rejected"]


class PaymentRow(msgspec.Struct, frozen=True):
    """One try at a payment, as the sandbox sees it."""

    id: str
    account_id: UUID
    public_id: str
    key: str
    amount_minor: int
    currency: str
    state: State
    fate: Fate
    reason: RejectedReason
    card: dict[str, Any]
    skips_evidence: bool
    has_three_d_secure: bool
    keeps_card: bool
    token: str | None
    return_url: str | None
    ready_at: datetime | None
    captured_minor: int
    captured_at: datetime | None
    fee_minor: int | None
    refunded_minor: int
    is_disputed: bool
    created_at: datetime


class RefundRow(msgspec.Struct, frozen=True):
    """One refund. ready_at: when its fate comes out, None = it is settled."""

    id: str
    account_id: UUID
    payment_id: str
    key: str
    amount_minor: int
    status: RefundStatus
    ready_at: datetime | None
    created_at: datetime


class TokenRow(msgspec.Struct, frozen=True):
    """A kept card."""

    id: str
    account_id: UUID
    card: dict[str, Any]
    fate: Fate
    reason: RejectedReason
    created_at: datetime


_PAYMENT = ", ".join(PaymentRow.__struct_fields__)
_REFUND = ", ".join(RefundRow.__struct_fields__)
_TOKEN = ", ".join(TokenRow.__struct_fields__)


def new_id(prefix: str) -> str:
    """A name that nobody can guess: the 3-D Secure page opens to whoever knows it."""
    return f"{prefix}_{secrets.token_hex(16)}"


# calls ----------------------------------------------------------------------------------------------------------------

LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 7))"
CALL = "select fingerprint, answer from pay.sandbox_calls where account_id = $1 and operation = $2 and key = $3"
REMEMBER = """
insert into pay.sandbox_calls (account_id, operation, key, fingerprint, answer, created_at)
values ($1, $2, $3, $4, $5, $6)
"""


def fingerprint(*parts: object) -> bytes:
    """What a call asked for, in 32 bytes; never give it a card number."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).digest()


async def lock(tx: Tx, account_id: UUID, operation: str, key: str) -> None:
    """Wait for a call under the same key that is still running, and keep others waiting."""
    await tx.execute(LOCK, f"{account_id} {operation} {key}")


async def call(tx: Tx, account_id: UUID, operation: str, key: str) -> tuple[bytes, Any] | None:
    """The fingerprint and the answer of an earlier call under this key."""
    row = await tx.fetchrow(CALL, account_id, operation, key)
    return None if row is None else (row["fingerprint"], row["answer"])


async def remember(
    tx: Tx, account_id: UUID, operation: str, key: str, *, asked: bytes, answer: Any, at: datetime
) -> None:
    """Keep the answer of a call."""
    await tx.execute(REMEMBER, account_id, operation, key, asked, answer, at)


# payments -------------------------------------------------------------------------------------------------------------

INSERT_PAYMENT = f"""
insert into pay.sandbox_payments ({_PAYMENT})
values ({", ".join(f"${number + 1}" for number in range(len(PaymentRow.__struct_fields__)))})
"""
PAYMENT = f"select {_PAYMENT} from pay.sandbox_payments where account_id = $1 and id = $2"
PAYMENT_FOR_UPDATE = PAYMENT + " for update"
ANY_PAYMENT_FOR_UPDATE = f"select {_PAYMENT} from pay.sandbox_payments where id = $1 for update"
TRIES = f"""
select {_PAYMENT} from pay.sandbox_payments
where account_id = $1 and public_id = $2 and ($3::text is null or key = $3)
order by created_at desc, id
limit 1
"""
SET_STATE = """
update pay.sandbox_payments
set state = $2, token = coalesce($3, token), has_three_d_secure = has_three_d_secure or $4, ready_at = null
where id = $1
"""
REJECT = "update pay.sandbox_payments set state = 'rejected', reason = $2, ready_at = null where id = $1"
SET_CAPTURED = """
update pay.sandbox_payments
set state = 'captured', captured_minor = $2, captured_at = $3, fee_minor = $4
where id = $1
"""
SET_DISPUTED = "update pay.sandbox_payments set is_disputed = $2 where id = $1"
ADD_REFUNDED = "update pay.sandbox_payments set refunded_minor = refunded_minor + $2 where id = $1"
RIPE_PAYMENTS = f"""
select {_PAYMENT} from pay.sandbox_payments
where state = 'processing' and ready_at <= $1
order by ready_at
limit 100
for update skip locked
"""


async def add_payment(tx: Tx, row: PaymentRow) -> None:
    """Write a try at a payment down."""
    await tx.execute(INSERT_PAYMENT, *msgspec.structs.astuple(row))


async def payment(tx: Tx, account_id: UUID, payment_id: str, *, for_update: bool = False) -> PaymentRow | None:
    """A payment of the account."""
    return await maybe(tx, PaymentRow, PAYMENT_FOR_UPDATE if for_update else PAYMENT, account_id, payment_id)


async def any_payment(tx: Tx, payment_id: str) -> PaymentRow | None:
    """A payment of whatever account, held; for the 3-D Secure page, whose address is the permission."""
    return await maybe(tx, PaymentRow, ANY_PAYMENT_FOR_UPDATE, payment_id)


async def latest_try(tx: Tx, account_id: UUID, public_id: str, key: str | None) -> PaymentRow | None:
    """The newest try at a payment, or the one made under a key."""
    return await maybe(tx, PaymentRow, TRIES, account_id, public_id, key)


async def set_state(
    tx: Tx, payment_id: str, state: State, *, token: str | None = None, three_d_secure: bool = False
) -> None:
    """Move a payment."""
    await tx.execute(SET_STATE, payment_id, state, token, three_d_secure)


async def reject(tx: Tx, payment_id: str, reason: RejectedReason) -> None:
    """The bank said no."""
    await tx.execute(REJECT, payment_id, reason)


async def set_captured(tx: Tx, payment_id: str, amount_minor: int, *, at: datetime, fee_minor: int) -> None:
    """The money was taken."""
    await tx.execute(SET_CAPTURED, payment_id, amount_minor, at, fee_minor)


async def set_disputed(tx: Tx, payment_id: str, is_disputed: bool) -> None:
    """Whether the payer's bank holds the money."""
    await tx.execute(SET_DISPUTED, payment_id, is_disputed)


async def ripe_payments(tx: Tx, now: datetime) -> list[PaymentRow]:
    """Slow payments whose time has come, held."""
    return await many(tx, PaymentRow, RIPE_PAYMENTS, now)


# refunds --------------------------------------------------------------------------------------------------------------

INSERT_REFUND = f"insert into pay.sandbox_refunds ({_REFUND}) values ($1, $2, $3, $4, $5, $6, $7, $8)"
REFUND_BY_KEY = f"select {_REFUND} from pay.sandbox_refunds where account_id = $1 and payment_id = $2 and key = $3"
REFUNDS = f"select {_REFUND} from pay.sandbox_refunds where payment_id = $1 order by created_at, id"
RIPE_REFUNDS = f"""
select {_REFUND} from pay.sandbox_refunds
where ready_at <= $1
order by ready_at
limit 100
for update skip locked
"""
SET_REFUND = "update pay.sandbox_refunds set status = $2, ready_at = null where id = $1"


async def add_refund(tx: Tx, row: RefundRow) -> None:
    """Write a refund down and count it on its payment."""
    await tx.execute(INSERT_REFUND, *msgspec.structs.astuple(row))
    await tx.execute(ADD_REFUNDED, row.payment_id, row.amount_minor)


async def refund_by_key(tx: Tx, account_id: UUID, payment_id: str, key: str) -> RefundRow | None:
    """The refund that a call under this key made."""
    return await maybe(tx, RefundRow, REFUND_BY_KEY, account_id, payment_id, key)


async def refunds(tx: Tx, payment_id: str) -> list[RefundRow]:
    """All refunds of a payment, oldest first."""
    return await many(tx, RefundRow, REFUNDS, payment_id)


async def ripe_refunds(tx: Tx, now: datetime) -> list[RefundRow]:
    """Refunds whose fate comes out now, held."""
    return await many(tx, RefundRow, RIPE_REFUNDS, now)


async def fail_refund(tx: Tx, row: RefundRow) -> None:
    """The money came back to us."""
    await tx.execute(SET_REFUND, row.id, "error")
    await tx.execute(ADD_REFUNDED, row.payment_id, -row.amount_minor)


# kept cards -----------------------------------------------------------------------------------------------------------

INSERT_TOKEN = f"insert into pay.sandbox_tokens ({_TOKEN}) values ($1, $2, $3, $4, $5, $6)"
TOKEN = f"select {_TOKEN} from pay.sandbox_tokens where account_id = $1 and id = $2"
FORGET = "delete from pay.sandbox_tokens where account_id = $1 and id = $2"


async def add_token(tx: Tx, row: TokenRow) -> None:
    """Keep a card."""
    await tx.execute(INSERT_TOKEN, *msgspec.structs.astuple(row))


async def token(tx: Tx, account_id: UUID, token_id: str) -> TokenRow | None:
    """A kept card of the account."""
    return await maybe(tx, TokenRow, TOKEN, account_id, token_id)


async def forget(tx: Tx, account_id: UUID, token_id: str) -> None:
    """Keep it no longer."""
    await tx.execute(FORGET, account_id, token_id)
