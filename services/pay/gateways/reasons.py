"""Why an issuer says no, in words of our own, and whether asking the same card again may help (contract 1.7)."""

from __future__ import annotations

from typing import Final, Literal

RejectedReason = Literal[
    "authentication-failed",
    "authentication-required",
    "capture-card",
    "closed-account",
    "do-not-honour",
    "do-not-retry",
    "expired-card",
    "generic-decline",
    "incorrect-number",
    "insufficient-funds",
    "invalid-account-number",
    "invalid-amount",
    "invalid-card-number",
    "invalid-cvc",
    "invalid-transaction",
    "issuer-unavailable",
    "lost-card",
    "no-such-issuer",
    "pickup-card",
    "reenter-transaction",
    "restricted-card",
    "revocation-of-all-authorisations",
    "revocation-of-authorisation",
    "stolen-card",
    "stop-payment-order",
    "suspected-fraud",
    "transaction-not-permitted",
    "try-again-later",
    "uncategorised",
]

# A recurring payment refused for one of these ends the agreement; every other refusal may be tried again.
FINAL_REASONS: Final[frozenset[RejectedReason]] = frozenset(
    {
        "authentication-required",
        "capture-card",
        "closed-account",
        "do-not-retry",
        "expired-card",
        "incorrect-number",
        "invalid-card-number",
        "invalid-cvc",
        "invalid-transaction",
        "lost-card",
        "no-such-issuer",
        "pickup-card",
        "restricted-card",
        "revocation-of-all-authorisations",
        "revocation-of-authorisation",
        "stolen-card",
        "stop-payment-order",
        "transaction-not-permitted",
    }
)


def can_retry(reason: RejectedReason) -> bool:
    """Whether the same card may be asked again later."""
    return reason not in FINAL_REASONS
