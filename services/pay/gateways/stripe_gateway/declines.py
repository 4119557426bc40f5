"""Stripe's decline codes in our words. Source: contract 1.7, which tells 20 of them apart."""

from __future__ import annotations

from typing import Final

import stripe

from services.pay.gateways.outcomes import Rejected
from services.pay.gateways.reasons import RejectedReason, can_retry

_REASONS: Final[dict[str, RejectedReason]] = {
    "authentication_required": "authentication-required",
    "do_not_honor": "do-not-honour",
    "do_not_try_again": "do-not-retry",
    "expired_card": "expired-card",
    "fraudulent": "suspected-fraud",
    "generic_decline": "generic-decline",
    "incorrect_number": "incorrect-number",
    "insufficient_funds": "insufficient-funds",
    "invalid_account": "invalid-account-number",
    "invalid_amount": "invalid-amount",
    "issuer_not_available": "issuer-unavailable",
    "lost_card": "lost-card",
    "pickup_card": "pickup-card",
    "reenter_transaction": "reenter-transaction",
    "revocation_of_all_authorizations": "revocation-of-all-authorisations",
    "revocation_of_authorization": "revocation-of-authorisation",
    "stolen_card": "stolen-card",
    "stop_payment_order": "stop-payment-order",
    "transaction_not_allowed": "transaction-not-permitted",
    "try_again_later": "try-again-later",
    # not an issuer's code: the payer failed 3-D Secure
    "payment_intent_authentication_failure": "authentication-failed",
}


def reason_of(decline_code: str | None, code: str | None) -> RejectedReason:
    """Why the card was refused; what is not in the table is uncategorised and may be tried again."""
    return _REASONS.get(decline_code or code or "", "uncategorised")


def rejected(error: stripe.StripeObject | None, provider_reference: str | None) -> Rejected:
    """A refusal, from an error object or a PaymentIntent's `last_payment_error`."""
    decline_code = getattr(error, "decline_code", None)
    reason = reason_of(decline_code, getattr(error, "code", None))
    return Rejected(reason=reason, can_retry=can_retry(reason), provider_reference=provider_reference)
