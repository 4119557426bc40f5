"""Whether money may be given back (contract section 1.6)."""

from __future__ import annotations

from services.pay.errors import PaymentDisputed, RefundAmountMismatch, RefundNotAvailable
from services.pay.payments.rules import RefundStatus


def check_refund(
    amount_minor: int,
    *,
    status: RefundStatus,
    available_minor: int,
    expected_minor: int | None,
    is_disputed: bool,
) -> None:
    """Whether this much can be given back now.

    available_minor: the payment's total less what was, or is being, given back. expected_minor: what the caller
    believes that to be; None if it did not say. Raises PaymentDisputed, RefundNotAvailable, RefundAmountMismatch.
    """
    if is_disputed:
        raise PaymentDisputed
    if status != "available":
        raise RefundNotAvailable(status)
    if expected_minor is not None and expected_minor != available_minor:
        raise RefundAmountMismatch
    if amount_minor > available_minor:
        raise RefundNotAvailable("amount_not_available")
