"""What depends on the account or on an agreement: checked once a body is known to be right (contract section 1.3).

In the original these refusals come from the component behind the API, which is why most name no field.
"""

from __future__ import annotations

from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from services.pay.errors import (
    AccountDisabled,
    AccountNotConfigured,
    AgreementInactive,
    AgreementUnknown,
    AttributeInvalid,
    AttributeMissing,
    AttributeUnexpected,
    CardNumberInReference,
    MotoApiNotAllowed,
    MotoNotEnabled,
    PayRefusal,
    RecurringNotEnabled,
    ReturnUrlInsecure,
    SetUpAgreementUnknown,
)
from services.pay.payments.rules import holds_card_number
from services.pay.requests.bodies import PaymentRequest
from services.pay.requests.urls import is_return_url

EmailCollection: TypeAlias = Literal["mandatory", "optional", "off"]

_AMOUNT_PAGE = "https://docs.payments.service.gov.uk/making_payments/#amount"
_REDACTED_SOURCES = ("CARD_PAYMENT_LINK", "CARD_AGENT_INITIATED_MOTO")


class Account(Struct, frozen=True, kw_only=True):
    """What a service may do in one mode.

    least_minor: the provider's smallest payment (Stripe 30). has_credentials: the provider can be called.
    surcharges: minor units on corporate cards, 0 for none.
    """

    service_id: UUID
    mode: Literal["live", "test"]
    provider: str = "sandbox"
    currency: str = "GBP"
    least_minor: int = 1
    allow_moto: bool = False
    allow_zero_amount: bool = False
    allow_authorisation_api: bool = False
    allow_telephone_notifications: bool = False
    recurring_enabled: bool = False
    requires_3ds: bool = False
    block_prepaid: bool = False
    email_collection: EmailCollection = "mandatory"
    collect_billing_address: bool = True
    corporate_credit_surcharge_minor: int = 0
    corporate_debit_surcharge_minor: int = 0
    corporate_prepaid_debit_surcharge_minor: int = 0
    is_disabled: bool = False
    has_credentials: bool = True

    @property
    def is_live(self) -> bool:
        return self.mode == "live"


class KnownAgreement(Struct, frozen=True):
    """What is known of the agreement that a payment names."""

    is_active: bool


def check_account(account: Account) -> None:
    """Raises AccountDisabled or AccountNotConfigured: before any payment, refund or agreement is made."""
    if account.is_disabled:
        raise AccountDisabled
    if not account.has_credentials:
        raise AccountNotConfigured


def check_payment(request: PaymentRequest, account: Account) -> None:
    """Whether this account may take this payment. Agreements are looked up after that: check_agreement.

    Raises what the contract says, the first fault only.
    """
    check_account(account)
    _check_mode(request)
    _check_return_url(request, account)
    _check_amount(request, account)
    if request.moto and not account.allow_moto:
        raise MotoNotEnabled
    if request.authorisation_mode == "moto_api" and not account.allow_authorisation_api:
        raise MotoApiNotAllowed
    if agreement_named_by(request) and not account.recurring_enabled:
        raise RecurringNotEnabled
    if request.source in _REDACTED_SOURCES and holds_card_number(request.reference):
        raise CardNumberInReference


def agreement_named_by(request: PaymentRequest) -> str | None:
    """The public id of the agreement that a payment sets up or charges; None for most payments."""
    return request.agreement_id or request.set_up_agreement


def check_agreement(request: PaymentRequest, agreement: KnownAgreement | None) -> None:
    """Whether the agreement that the payment names can be used. agreement: None if the service has no such one.

    Raises SetUpAgreementUnknown, AgreementUnknown or AgreementInactive.
    """
    if agreement is None:
        raise SetUpAgreementUnknown if request.set_up_agreement else AgreementUnknown
    if request.authorisation_mode == "agreement" and not agreement.is_active:
        raise AgreementInactive


def _check_mode(request: PaymentRequest) -> None:
    """What does not go with the way the payment is authorised."""
    mode = request.authorisation_mode
    if mode == "web":
        return
    if mode == "agreement":
        present = {
            "moto": request.moto,
            "email": request.email is not None,
            "prefilled_cardholder_details": request.prefilled_cardholder_details is not None,
        }
        for name, is_present in present.items():
            if is_present:
                raise AttributeUnexpected(name)
        if request.agreement_id is None:
            raise AttributeMissing("agreement_id")
    if request.set_up_agreement is not None:
        raise AttributeUnexpected("set_up_agreement")
    if request.return_url is not None:
        raise AttributeUnexpected("return_url")


def _check_return_url(request: PaymentRequest, account: Account) -> None:
    if request.authorisation_mode != "web":
        return
    if not request.return_url:
        raise AttributeMissing("return_url")
    if not is_return_url(request.return_url):
        raise AttributeInvalid("return_url", "Must be a valid URL format", names_field=False)
    if account.is_live and not request.return_url.startswith("https://"):
        raise ReturnUrlInsecure


def _check_amount(request: PaymentRequest, account: Account) -> None:
    if request.amount == 0:
        if not account.allow_zero_amount:
            raise _too_little(1)
    elif request.amount < account.least_minor:
        raise _too_little(account.least_minor)


def _too_little(least: int) -> PayRefusal:
    return AttributeInvalid("amount", f"Must be greater than or equal to {least}. Refer to {_AMOUNT_PAGE}")
