"""A payment taken by telephone elsewhere, as its notifier gets it back (contract section 1.1, a hidden route)."""

from __future__ import annotations

from msgspec import Struct

from services.pay.payments.states import external
from services.pay.payments.wire import State
from services.pay.requests.bodies import PaymentOutcome, TelephoneNotification


class TelephonePayment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """201 of POST /v1/payment_notification: what was sent, with the payment it became."""

    payment_id: str
    state: State
    amount: int
    reference: str
    description: str
    processor_id: str
    provider_id: str
    payment_outcome: PaymentOutcome
    card_type: str
    last_four_digits: str
    first_six_digits: str
    card_expiry: str | None = None
    created_date: str | None = None
    authorised_date: str | None = None
    auth_code: str | None = None
    name_on_card: str | None = None
    email_address: str | None = None
    telephone_number: str | None = None


def telephone_payment(public_id: str, state: str, sent: TelephoneNotification) -> TelephonePayment:
    """state: the one that the notification led to."""
    shown = external(state)
    values = {name: getattr(sent, name) for name in sent.__struct_fields__}
    return TelephonePayment(
        payment_id=public_id, state=State(shown.status, shown.finished, shown.message, shown.code), **values
    )
