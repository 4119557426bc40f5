"""The bodies of Pay's POST routes, as msgspec reads them in the good case (contract sections 1.3, 1.6 to 1.8)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from services.pay.requests.metadata import Metadata

MOST_MINOR = 10_000_000
LONGEST_TEXT = 255
LONGEST_EMAIL = 254
LONGEST_URL = 2_000
LONGEST_POSTCODE = 25
ID_LENGTH = 26
MOST_LINES = 50
LONGEST_FUND_CODE = 50

AuthorisationMode: TypeAlias = Literal["web", "moto_api", "agreement"]
AgreementPaymentType: TypeAlias = Literal["instalment", "recurring", "unscheduled"]
Source: TypeAlias = Literal["CARD_API", "CARD_PAYMENT_LINK", "CARD_AGENT_INITIATED_MOTO"]

MODES: tuple[AuthorisationMode, ...] = ("web", "moto_api", "agreement")
AGREEMENT_PAYMENT_TYPES: tuple[AgreementPaymentType, ...] = ("instalment", "recurring", "unscheduled")

_Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
_Line = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class BillingAddress(Struct, frozen=True, kw_only=True):
    line1: _Line | None = None
    line2: _Line | None = None
    city: _Line | None = None
    postcode: Annotated[str, Meta(max_length=LONGEST_POSTCODE)] | None = None
    country: str | None = None


class PrefilledDetails(Struct, frozen=True, kw_only=True):
    """What the payer need not type again; shown on the page and free to change there."""

    cardholder_name: _Line | None = None
    billing_address: BillingAddress | None = None


class LineItem(Struct, frozen=True, kw_only=True):
    """Our addition: one of the things paid for. fund_code: where finance books it."""

    description: _Text
    amount: Annotated[int, Meta(ge=0, le=MOST_MINOR)]
    fund_code: Annotated[str, Meta(min_length=1, max_length=LONGEST_FUND_CODE)] | None = None


class Internal(Struct, frozen=True, kw_only=True):
    """What Pay's own components say of a payment; hidden in the contract."""

    source: Source = "CARD_API"


class PaymentRequest(Struct, frozen=True, kw_only=True):
    """A payment to take. amount: minor units, 0 included (the account decides). metadata: may be empty.

    return_url: not yet known to be an address, nor whether the mode wants one: account.check_payment does that.
    line_items: our addition; they add up to the amount.
    """

    amount: Annotated[int, Meta(ge=0, le=MOST_MINOR)]
    reference: _Text
    description: _Text
    return_url: Annotated[str, Meta(max_length=LONGEST_URL)] | None = None
    moto: bool = False
    set_up_agreement: str | None = None
    authorisation_mode: AuthorisationMode = "web"
    agreement_id: str | None = None
    agreement_payment_type: AgreementPaymentType | None = None
    language: Literal["en", "cy"] = "en"
    delayed_capture: bool = False
    email: Annotated[str, Meta(max_length=LONGEST_EMAIL)] | None = None
    prefilled_cardholder_details: PrefilledDetails | None = None
    metadata: Metadata = {}
    internal: Internal | None = None
    line_items: Annotated[tuple[LineItem, ...], Meta(max_length=MOST_LINES)] = ()

    @property
    def source(self) -> Source:
        return self.internal.source if self.internal else "CARD_API"


class RefundRequest(Struct, frozen=True, kw_only=True):
    """Money to give back. refund_amount_available: what the caller believes is left; None if it does not say."""

    amount: Annotated[int, Meta(ge=1, le=MOST_MINOR)]
    refund_amount_available: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None


class AgreementRequest(Struct, frozen=True, kw_only=True):
    """An agreement to make. user_identifier: the service's own name for its payer."""

    reference: _Text
    description: _Text
    user_identifier: _Text | None = None


class AuthorisationRequest(Struct, frozen=True, kw_only=True):
    """Card details that the service took by telephone or post. They are in memory only; printing this shows none."""

    one_time_token: str
    card_number: str
    cvc: str
    expiry_date: str
    cardholder_name: str

    def __repr__(self) -> str:
        return "AuthorisationRequest(…)"

    __str__ = __repr__


class Supplemental(Struct, frozen=True, kw_only=True, omit_defaults=True):
    error_code: str | None = None
    error_message: str | None = None


class PaymentOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a payment ended elsewhere. code: of a failure, P0010, P0030 or P0050."""

    status: Literal["success", "failed"]
    code: str | None = None
    supplemental: Supplemental | None = None


class TelephoneNotification(Struct, frozen=True, kw_only=True):
    """A payment taken by telephone elsewhere, to be shown with the others. Dates: ISO 8601 with a zone, as sent."""

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
