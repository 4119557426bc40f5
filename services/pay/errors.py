"""Pay's refusals, with the codes, statuses and texts of its contract (section 1.10).

On the wire: `{"field"?, "header"?, "code", "description"}`. A refusal that several operations share has no code of its
own: families.py gives it that of the operation that was called. Texts never repeat what the caller sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from common.errors import ServiceError

_SUPPORT = "https://www.payments.service.gov.uk/support/"
_CONTACT = f"Contact support with your error code - {_SUPPORT} ."


class PayRefusal(ServiceError):
    """Pay cannot do what was asked.

    code: the contract's P-code, None where it depends on the operation. text: what is said when no detail is given.
    field, header: what is at fault in the request.
    """

    status, kind, title = 400, "pay-refused", "Pay cannot do what was asked"
    code: str | None = None
    field: str | None = None
    text: ClassVar[str] = ""

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        field: str | None = None,
        header: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.text, headers=headers)
        self.code = code or self.code
        self.field = field or self.field
        self.header = header


class AttributeMissing(PayRefusal):
    """A mandatory attribute is absent, null or blank."""

    status, kind, title = 400, "attribute-missing", "A mandatory attribute is missing"
    code = "P0101"

    def __init__(self, name: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(f"Missing mandatory attribute: {name}", code=code, field=field)


class AttributeMissingInForm(AttributeMissing):
    """A mandatory attribute is absent from a request whose every fault is a 422 (card details, telephone payments)."""

    status, kind = 422, "attribute-missing-in-form"


class AttributeMalformed(PayRefusal):
    """An attribute is not of the right type. why: the contract's words for what it must be."""

    status, kind, title = 400, "attribute-malformed", "An attribute is not of the right type"
    code = "P0102"

    def __init__(self, name: str, why: str, *, code: str | None = None) -> None:
        super().__init__(f"Invalid attribute value: {name}. {why}", code=code, field=name)


class AttributeInvalid(PayRefusal):
    """An attribute's value is out of bounds. why: the contract's words for what it must be."""

    status, kind, title = 422, "attribute-invalid", "The value of an attribute is out of bounds"
    code = "P0102"

    def __init__(self, name: str, why: str, *, code: str | None = None, names_field: bool = True) -> None:
        super().__init__(f"Invalid attribute value: {name}. {why}", code=code, field=name if names_field else None)


class AttributeUnexpected(PayRefusal):
    """An attribute does not go with the rest of the request."""

    status, kind, title = 400, "attribute-unexpected", "An attribute does not go with the rest of the request"
    code = "P0104"

    def __init__(self, name: str) -> None:
        super().__init__(f"Unexpected attribute: {name}")


class BodyUnreadable(PayRefusal):
    """The body is not JSON; the code is the operation's."""

    status, kind, title = 400, "body-unreadable", "The body is not JSON"
    text = "Unable to parse JSON"


class IdempotencyKeyMalformed(PayRefusal):
    """The Idempotency-Key is empty, too long, or holds more than letters, digits and hyphens."""

    status, kind, title = 422, "idempotency-key-malformed", "Idempotency-Key is not usable"
    code = "P0102"

    def __init__(self, why: str) -> None:
        super().__init__(f"Header [Idempotency-Key] {why}", header="Idempotency-Key")


class PaymentKeyReused(PayRefusal):
    """The Idempotency-Key already made a payment from another body."""

    status, kind, title = 409, "payment-key-reused", "Idempotency-Key was used with another body"
    code = "P0191"
    text = "The `Idempotency-Key` you sent in the request header has already been used to create a payment."


class ReturnUrlInsecure(PayRefusal):
    """A live payment must come back to an https address."""

    status, kind, title = 422, "return-url-insecure", "The return_url is not https"
    code = "P0920"
    text = "Invalid attribute value: return_url. Must begin with https:// for a live gateway account"


class CardNumberInReference(PayRefusal):
    """The reference of a payment link holds what looks like a card number."""

    status, kind, title = 400, "card-number-in-reference", "The reference looks like a card number"
    code = "P0105"
    text = "Card number entered in a payment link reference"


class SetUpAgreementUnknown(PayRefusal):
    """The agreement to set up does not exist."""

    status, kind, title = 400, "set-up-agreement-unknown", "There is no such agreement"
    code = "P0103"

    def __init__(self) -> None:
        super().__init__(
            "Invalid attribute value: set_up_agreement. Agreement ID does not exist", field="set_up_agreement"
        )


class AgreementUnknown(PayRefusal):
    """The agreement to charge does not exist."""

    status, kind, title = 400, "agreement-unknown", "There is no such agreement"
    code = "P0102"
    text = "Agreement does not exist"


class AgreementInactive(PayRefusal):
    """The agreement to charge has no card stored, or was cancelled."""

    status, kind, title = 400, "agreement-not-active", "The agreement is not active"
    code = "P0102"
    text = "Agreement must be active"


class AgreementCancelRefused(PayRefusal):
    """Only an active agreement can be cancelled."""

    status, kind, title = 400, "agreement-cancel-refused", "The agreement cannot be cancelled"
    code = "P2501"
    text = "Cancellation of agreement failed"


class MotoApiNotAllowed(PayRefusal):
    """The account may not send card details itself."""

    status, kind, title = 422, "moto-api-not-allowed", "authorisation_mode moto_api is not allowed"
    code = "P0195"
    text = "Using authorisation_mode of moto_api is not allowed for this account"


class MotoNotEnabled(PayRefusal):
    """The account takes no payments by mail or telephone order."""

    status, kind, title = 422, "moto-not-enabled", "MOTO payments are not enabled"
    code = "P0196"
    text = (
        "MOTO payments are not enabled for this account. Please contact support if you would like to process MOTO "
        f"payments - {_SUPPORT} ."
    )


class RecurringNotEnabled(PayRefusal):
    """The account may not keep cards for agreements."""

    status, kind, title = 422, "recurring-not-enabled", "Recurring payments are not enabled"
    code = "P0942"
    text = (
        "Recurring card payments are currently disabled for this service. Contact support with your error code - "
        f"{_SUPPORT}"
    )


class AccountUnknown(PayRefusal):
    """The service has no account in this mode."""

    status, kind, title = 500, "pay-account-unknown", "There is no account"
    code = "P0199"
    text = f"There is an error with this account. {_CONTACT}"


class AccessNotEnabled(PayRefusal):
    """The key does not reach this: a team key, a scope that is missing, a service or network that may not call."""

    status, kind, title = 403, "access-not-enabled", "Not enabled for this account"
    code = "P0930"
    text = f"Access to this resource is not enabled for this account. {_CONTACT}"


class AccountNotConfigured(PayRefusal):
    """The account has no provider credentials yet."""

    status, kind, title = 403, "pay-account-not-configured", "The account is not fully configured"
    code = "P0940"
    text = (
        "Account is not fully configured. Please refer to documentation to setup your account or contact support with "
        f"your error code - {_SUPPORT} ."
    )


class AccountDisabled(PayRefusal):
    """Payments and refunds are switched off for the account."""

    status, kind, title = 403, "pay-account-disabled", "The account is disabled"
    code = "P0941"
    text = f"GOV.UK Pay has disabled payment and refund creation on this account. {_CONTACT}"


class RequestBlocked(PayRefusal):
    """The request was stopped before it was read: it looks like an attack, or is too large."""

    status, kind, title = 400, "request-blocked", "Blocked by security rules"
    code = "P0920"
    text = "Request blocked by security rules. Please consult API documentation for more information."


class PayRateExceeded(PayRefusal):
    """More requests a second than the account may send."""

    status, kind, title = 429, "pay-rate-exceeded", "Too many requests"
    code = "P0900"
    text = "Too many requests"


class TemporarilyDown(PayRefusal):
    """Pay cannot take this on now."""

    status, kind, title = 503, "pay-temporarily-down", "Not available for the moment"
    code = "P0999"
    text = "GOV.UK Pay is temporarily down"


class ResourceNotFound(PayRefusal):
    """The service has no such payment, refund or agreement in this mode; the code is the operation's."""

    status, kind, title = 404, "pay-resource-not-found", "Not found"
    text = "Not found"


class PageNotFound(PayRefusal):
    """The page lies beyond the last; the code is the operation's."""

    status, kind, title = 404, "page-not-found", "There is no such page"
    text = "Page not found"


class SearchInvalid(PayRefusal):
    """Parameters of a search are wrong; all their names are given. The code is the operation's."""

    status, kind, title = 422, "search-invalid", "Some parameters are wrong"

    def __init__(self, names: Iterable[str], *, code: str) -> None:
        listed = ", ".join(names)
        super().__init__(
            f"Invalid parameters: {listed}. See Public API documentation for the correct data formats", code=code
        )


class SearchParameterUnknown(SearchInvalid):
    """A search of agreements knows no such parameter."""

    status, kind, title = 400, "search-parameter-unknown", "There is no such parameter"


class CancelRefused(PayRefusal):
    """The payment is past the point where it can be cancelled."""

    status, kind, title = 400, "cancel-refused", "The payment cannot be cancelled"
    code = "P0501"
    text = "Cancellation of payment failed"


class CancelConflict(PayRefusal):
    """The payment changed while it was being cancelled."""

    status, kind, title = 409, "cancel-conflict", "The payment changed meanwhile"
    code = "P0502"
    text = "Cancellation of payment failed"


class CaptureRefused(PayRefusal):
    """The capture cannot be asked for."""

    status, kind, title = 400, "capture-refused", "The payment cannot be captured"
    code = "P1001"
    text = "Capture of payment failed"


class CaptureConflict(PayRefusal):
    """The payment is in no state to be captured."""

    status, kind, title = 409, "capture-conflict", "The payment cannot be captured in its state"
    code = "P1003"
    text = "Payment cannot be captured"


class RefundNotAvailable(PayRefusal):
    """The payment cannot be refunded, or not by this much. why: refund status, or amount_not_available."""

    status, kind, title = 400, "refund-not-available", "The payment is not available for refund"
    code = "P0603"

    def __init__(self, why: str) -> None:
        super().__init__(f"The payment is not available for refund. Payment refund status: {why}")


class PaymentDisputed(PayRefusal):
    """A disputed payment cannot be refunded."""

    status, kind, title = 400, "payment-disputed", "The payment is disputed"
    code = "P0603"
    text = "The payment is disputed and cannot be refunded"


class RefundAmountMismatch(PayRefusal):
    """The caller's idea of what is left to refund is out of date."""

    status, kind, title = 412, "refund-amount-mismatch", "What is left to refund is another amount"
    code = "P0604"
    text = "Refund amount available mismatch."


class CardRefused(PayRefusal):
    """The card cannot pay. detail: one of the contract's texts, such as CARD_REJECTED."""

    status, kind, title = 402, "card-refused", "The card cannot pay"
    code = "P0010"


CARD_NUMBER_INVALID = "The card_number is not a valid card number"
CARD_REJECTED = "The payment was rejected"
CARD_PREPAID = "Prepaid cards are not accepted"


def card_not_enabled(brand_and_type: str) -> str:
    """The text for a kind of card that the account does not take, such as `visa debit`."""
    return f"The card type is not enabled: {brand_and_type}"


class OneTimeTokenInvalid(PayRefusal):
    """The one_time_token is none of ours."""

    status, kind, title = 400, "one-time-token-invalid", "The one_time_token is not valid"
    code = "P1211"
    text = "The one_time_token is not valid"


class OneTimeTokenUsed(PayRefusal):
    """The one_time_token was used before."""

    status, kind, title = 400, "one-time-token-used", "The one_time_token was used before"
    code = "P1212"
    text = "The one_time_token has already been used"


class ProviderFailed(PayRefusal):
    """The provider failed or took too long; the code and text are the operation's."""

    status, kind, title = 500, "pay-provider-failed", "The payment provider failed"
