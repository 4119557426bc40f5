"""How a payment moves (contract section 1.5), as one table; each move appends the event that names it.

Ours              what the original calls it
created           CREATED, PAYMENT_NOTIFICATION_CREATED
queued            AUTHORISATION_USER_NOT_PRESENT_QUEUED
started           ENTERING_CARD_DETAILS; also after a decline, while the payer may try another card
authorising       AUTHORISATION_READY, _SUBMITTED, 3DS_READY: the intent to ask the provider is recorded, no answer yet
action_required   AUTHORISATION_3DS_REQUIRED
authorised        AUTHORISATION_SUCCESS
capturable        AWAITING_CAPTURE_REQUEST
capture_approved  CAPTURE_APPROVED, CAPTURE_APPROVED_RETRY, CAPTURE_QUEUED
capturing         CAPTURE_READY: the intent to capture is recorded, no answer yet
capture_submitted CAPTURE_SUBMITTED
captured          CAPTURED
capture_failed    CAPTURE_ERROR
rejected          AUTHORISATION_REJECTED, _CANCELLED, _ABORTED, AUTHORISATION_ERROR_REJECTED
errored           AUTHORISATION_ERROR, _UNEXPECTED_ERROR, _TIMEOUT, AUTHORISATION_ERROR_CHARGE_MISSING
*_cancelling      *_CANCEL_READY, _SUBMITTED, _FAILED: the provider is being asked to let go; asked again until it does
expired, user_cancelled, system_cancelled   EXPIRED, USER_CANCELLED, SYSTEM_CANCELLED

A time-out is no state of ours: the payment stays `authorising` or `capturing` until the provider was asked what became
of it. A correction follows the provider's truth where it differs from what we hold.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from services.pay.transitions import Table

State: TypeAlias = Literal[
    "created",
    "queued",
    "started",
    "authorising",
    "action_required",
    "authorised",
    "capturable",
    "capture_approved",
    "capturing",
    "capture_submitted",
    "captured",
    "capture_failed",
    "rejected",
    "errored",
    "expire_cancelling",
    "user_cancelling",
    "system_cancelling",
    "expired",
    "user_cancelled",
    "system_cancelled",
]
Event: TypeAlias = Literal[
    "payment_created",
    "payment_notified",
    "payment_started",
    "queued_for_authorisation",
    "authorisation_begun",
    "three_d_secure_required",
    "authorisation_succeeded",
    "authorisation_declined",
    "authorisation_rejected",
    "authorisation_cancelled",
    "gateway_errored",
    "user_approved_for_capture",
    "queued_for_capture",
    "user_approved_awaiting_service",
    "service_approved_for_capture",
    "capture_begun",
    "capture_retried",
    "capture_submitted",
    "capture_confirmed",
    "capture_errored",
    "notified_success",
    "payment_expired",
    "cancelled_by_user",
    "cancelled_by_service",
    "cancelled_by_expiry",
    "cancel_begun_by_user",
    "cancel_begun_by_service",
    "cancel_begun_by_expiry",
    "corrected_to_captured",
    "corrected_to_rejected",
    "corrected_to_errored",
    "corrected_to_user_cancelled",
    "corrected_to_system_cancelled",
]

_DROPPED: dict[Event, State] = {
    "payment_expired": "expired",
    "cancelled_by_user": "user_cancelled",
    "cancelled_by_service": "system_cancelled",
}
# the provider may hold something of the payment and must let go of it first
_CANCEL_BEGUN: dict[Event, State] = {
    "cancel_begun_by_expiry": "expire_cancelling",
    "cancel_begun_by_user": "user_cancelling",
    "cancel_begun_by_service": "system_cancelling",
}
_ANSWERED: dict[Event, State] = {
    "authorisation_succeeded": "authorised",
    "authorisation_declined": "started",  # another card may be tried; without another try it is authorisation_rejected
    "authorisation_rejected": "rejected",
    "authorisation_cancelled": "rejected",
    "gateway_errored": "errored",
}

PAYMENTS: Table[State, Event] = Table(
    "payment",
    births={"payment_created": "created", "payment_notified": "created"},
    moves={
        "created": {
            "payment_started": "started",
            "queued_for_authorisation": "queued",
            "authorisation_begun": "authorising",
            "authorisation_rejected": "rejected",
            "gateway_errored": "errored",
            "notified_success": "captured",
            **_DROPPED,
        },
        "queued": {
            "authorisation_begun": "authorising",
            "authorisation_rejected": "rejected",
            "gateway_errored": "errored",
        },
        # a hosted entry may be open at the provider, hence both ways of dropping a payment
        "started": {
            "authorisation_begun": "authorising",
            "authorisation_rejected": "rejected",
            **_DROPPED,
            **_CANCEL_BEGUN,
        },
        # dropped at once only when the provider, asked, knows nothing of it
        "authorising": {
            "three_d_secure_required": "action_required",
            **_ANSWERED,
            **_DROPPED,
            **_CANCEL_BEGUN,
        },
        "action_required": {"authorisation_begun": "authorising", **_ANSWERED, **_DROPPED, **_CANCEL_BEGUN},
        "authorised": {
            "user_approved_for_capture": "capture_approved",
            "queued_for_capture": "capture_approved",
            "user_approved_awaiting_service": "capturable",
            **_CANCEL_BEGUN,
        },
        "capturable": {
            "service_approved_for_capture": "capture_approved",
            "cancel_begun_by_service": "system_cancelling",
            "cancel_begun_by_expiry": "expire_cancelling",
        },
        "capture_approved": {"capture_begun": "capturing", "capture_errored": "capture_failed"},
        "capturing": {
            "capture_submitted": "capture_submitted",
            "capture_confirmed": "captured",
            "capture_retried": "capture_approved",
            "capture_errored": "capture_failed",
        },
        "capture_submitted": {"capture_confirmed": "captured", "capture_errored": "capture_failed"},
        "captured": {},
        "capture_failed": {},
        "rejected": {},
        "errored": {},
        "expire_cancelling": {"cancelled_by_expiry": "expired"},
        "user_cancelling": {"cancelled_by_user": "user_cancelled"},
        "system_cancelling": {"cancelled_by_service": "system_cancelled"},
        "expired": {},
        "user_cancelled": {},
        "system_cancelled": {},
    },
    corrections={
        "corrected_to_captured": "captured",
        "corrected_to_rejected": "rejected",
        "corrected_to_errored": "errored",
        "corrected_to_user_cancelled": "user_cancelled",
        "corrected_to_system_cancelled": "system_cancelled",
    },
)

# payments that time ends, and that a service may cancel
EXPIRABLE: frozenset[State] = frozenset(
    {"created", "started", "authorising", "action_required", "authorised", "capturable"}
)
CANCELLABLE = EXPIRABLE
# payments that the payer may leave
CANCELLABLE_BY_PAYER: frozenset[State] = EXPIRABLE - {"capturable"}
# before one of these ends, the provider is asked what it knows
KNOWN_TO_PROVIDER: frozenset[State] = frozenset({"authorising", "action_required", "authorised", "capturable"})
CAPTURABLE: frozenset[State] = frozenset({"capturable"})
# a capture asked for again is answered as if it were the first
CAPTURE_ASKED: frozenset[State] = frozenset({"capture_approved", "capturing", "capture_submitted", "captured"})
# an answer of the provider is awaited: what the sweep asks about
AWAITING_PROVIDER: frozenset[State] = frozenset(
    {"authorising", "capturing", "capture_submitted", "expire_cancelling", "user_cancelling", "system_cancelling"}
)

Cause: TypeAlias = Literal["payer", "service", "expiry"]
_AT_ONCE: dict[Cause, Event] = {
    "payer": "cancelled_by_user",
    "service": "cancelled_by_service",
    "expiry": "payment_expired",
}
_VIA_PROVIDER: dict[Cause, Event] = {
    "payer": "cancel_begun_by_user",
    "service": "cancel_begun_by_service",
    "expiry": "cancel_begun_by_expiry",
}


def ending(cause: Cause, *, via_provider: bool) -> Event:
    """The event that ends a payment which was not taken. via_provider: the provider must let go of something first."""
    return (_VIA_PROVIDER if via_provider else _AT_ONCE)[cause]


class External(Struct, frozen=True):
    """A state as the wire shows it. code, message: for failures only."""

    status: str
    finished: bool
    code: str | None = None
    message: str | None = None


_STARTED = External("started", False)
_SUCCESS = External("success", True)
_REJECTED = External("failed", True, "P0010", "Payment method rejected")
_EXPIRED = External("failed", True, "P0020", "Payment expired")
_USER_CANCELLED = External("failed", True, "P0030", "Payment was cancelled by the user")
_SYSTEM_CANCELLED = External("cancelled", True, "P0040", "Payment was cancelled by the service")
_ERROR = External("error", True, "P0050", "Payment provider returned an error")

_EXTERNAL: dict[str, External] = {
    "created": External("created", False),
    "queued": _STARTED,
    "started": _STARTED,
    "authorising": _STARTED,
    "action_required": _STARTED,
    "authorised": External("submitted", False),
    "capturable": External("capturable", False),
    # success before the money moves, as in the original
    "capture_approved": _SUCCESS,
    "capturing": _SUCCESS,
    "capture_submitted": _SUCCESS,
    "captured": _SUCCESS,
    "capture_failed": _ERROR,
    "rejected": _REJECTED,
    "errored": _ERROR,
    "expire_cancelling": _EXPIRED,
    "user_cancelling": _USER_CANCELLED,
    "system_cancelling": _SYSTEM_CANCELLED,
    "expired": _EXPIRED,
    "user_cancelled": _USER_CANCELLED,
    "system_cancelled": _SYSTEM_CANCELLED,
}

# capturable is our addition: the original's search does not take it
SEARCHABLE = ("created", "started", "submitted", "capturable", "success", "failed", "cancelled", "error")


def external(state: str) -> External:
    """The state as the wire shows it."""
    return _EXTERNAL[state]


def internal(status: str) -> tuple[str, ...]:
    """The states behind one status of the wire, for a search."""
    return tuple(state for state, shown in _EXTERNAL.items() if shown.status == status)


# what a service is told by webhook; events that are not here are told to nobody
_FAILED: tuple[Event, ...] = (
    "authorisation_rejected",
    "authorisation_cancelled",
    "gateway_errored",
    "cancelled_by_service",
    "cancelled_by_user",
    "corrected_to_rejected",
    "corrected_to_errored",
    "corrected_to_user_cancelled",
    "corrected_to_system_cancelled",
)
WEBHOOKS: dict[Event, str] = {
    "user_approved_for_capture": "card_payment_succeeded",
    "service_approved_for_capture": "card_payment_succeeded",
    "queued_for_capture": "card_payment_succeeded",
    "capture_confirmed": "card_payment_captured",
    "corrected_to_captured": "card_payment_captured",
    "payment_expired": "card_payment_expired",
    "cancelled_by_expiry": "card_payment_expired",
    **dict.fromkeys(_FAILED, "card_payment_failed"),
}
