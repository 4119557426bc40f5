"""Payments on the wire (contract sections 1.4, 1.9 and 1.12).

What is null or empty is left out at the top level, in `state` and among links; the members of card details and of an
address are always there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from msgspec import Raw, Struct, field

from services.pay.payments.facts import CardDetails, PaymentFacts
from services.pay.payments.rules import RefundStatus, refund_status
from services.pay.payments.states import CAPTURABLE, PAYMENTS, external
from services.pay.requests.paging import Navigation

_FORM = "application/x-www-form-urlencoded"
_NO_METADATA = Raw(b"{}")


def moment(at: datetime) -> str:
    """`2022-03-25T13:11:29.019Z`, as the contract writes all moments."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


class Places(Struct, frozen=True):
    """Where Pay is found. api, pages: addresses without a slash at the end."""

    api: str
    pages: str


class State(Struct, frozen=True, omit_defaults=True):
    status: str
    finished: bool
    message: str | None = None
    code: str | None = None
    can_retry: bool | None = None


class Link(Struct, frozen=True):
    href: str
    method: str = "GET"


class FormLink(Struct, frozen=True):
    """A link to post to, with what to post."""

    href: str
    method: str
    type: str
    params: dict[str, str]


class Links(Struct, frozen=True, kw_only=True, omit_defaults=True):
    itself: Link = field(name="self")
    events: Link
    refunds: Link
    next_url: Link | None = None
    next_url_post: FormLink | None = None
    auth_url_post: FormLink | None = None
    cancel: Link | None = None
    capture: Link | None = None


class RefundSummary(Struct, frozen=True):
    status: RefundStatus
    amount_available: int
    amount_submitted: int


class SettlementSummary(Struct, frozen=True, omit_defaults=True):
    capture_submit_time: str | None = None
    captured_date: date | None = None
    settled_date: date | None = None


class ThreeDSecure(Struct, frozen=True):
    required: bool


class AuthorisationSummary(Struct, frozen=True):
    three_d_secure: ThreeDSecure


class Common(Struct, frozen=True, omit_defaults=True):
    """What the API and webhooks both tell."""

    payment_id: str
    amount: int
    state: State
    description: str
    reference: str
    language: str
    payment_provider: str
    created_date: str
    refund_summary: RefundSummary
    settlement_summary: SettlementSummary
    delayed_capture: bool
    moto: bool
    return_url: str | None = None
    email: str | None = None
    metadata: Raw | Mapping[str, object] | None = None
    card_details: CardDetails | None = None
    corporate_card_surcharge: int | None = None
    total_amount: int | None = None
    fee: int | None = None
    net_amount: int | None = None
    authorisation_summary: AuthorisationSummary | None = None
    line_items: Raw | None = None


class Payment(Common, frozen=True, kw_only=True, omit_defaults=True):
    """GET /v1/payments/{id}, and a row of a search. line_items: our addition."""

    authorisation_mode: str
    links: Links = field(name="_links")
    card_brand: str | None = None
    provider_id: str | None = None
    agreement_id: str | None = None
    agreement_payment_type: str | None = None


class PaymentPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """GET /v1/payments. next_cursor: our addition, absent when nothing comes after this page."""

    total: int
    count: int
    page: int
    results: Sequence[Payment]
    links: Navigation = field(name="_links")
    next_cursor: str | None = None


_NOT_SETTLED = SettlementSummary()
_SECURED = AuthorisationSummary(ThreeDSecure(True))
_UNSECURED = AuthorisationSummary(ThreeDSecure(False))
_STATES: dict[str, State] = {
    name: State(shown.status, shown.finished, shown.message, shown.code)
    for name, shown in ((name, external(name)) for name in PAYMENTS.states)
}


def payment(facts: PaymentFacts, places: Places, token: str | None = None) -> Payment:
    """A payment for its service. token: of the payer's link, or one-time token of moto_api; None in searches."""
    card = facts.card
    return Payment(
        *common(facts),
        authorisation_mode=facts.authorisation_mode,
        links=payment_links(facts, places, token),
        card_brand=(card.card_brand or None) if card else None,
        provider_id=facts.provider_reference or None,
        agreement_id=facts.agreement_id,
        agreement_payment_type=facts.agreement_payment_type,
    )


def common(facts: PaymentFacts) -> tuple[Any, ...]:
    """What the API and webhooks both tell: the fields of Common, in their order (a dict would cost half a µs)."""
    surcharge, secure = facts.surcharge_minor, facts.has_three_d_secure
    return (
        facts.public_id,
        facts.amount_minor,
        state_of(facts),
        facts.description,
        facts.reference,
        facts.language,
        facts.provider,
        moment(facts.created_at),
        refund_summary(facts),
        settlement_summary(facts),
        facts.delayed_capture,
        facts.is_moto,
        facts.return_url or None,
        facts.email or None,
        None if facts.metadata == _NO_METADATA else facts.metadata or None,
        facts.card,
        surcharge,
        None if surcharge is None else facts.amount_minor + surcharge,
        facts.fee_minor,
        facts.net_minor,
        None if secure is None else _SECURED if secure else _UNSECURED,
        facts.line_items,
    )


def state_of(facts: PaymentFacts) -> State:
    """can_retry is told of agreement payments that were rejected, and of no other."""
    if facts.can_retry is None or facts.authorisation_mode != "agreement" or facts.state != "rejected":
        return _STATES[facts.state]
    shown = external(facts.state)
    return State(shown.status, shown.finished, shown.message, shown.code, facts.can_retry)


def refund_summary(facts: PaymentFacts) -> RefundSummary:
    """amount_available: the total less what was, or is being, given back, whether or not it can be had now."""
    available = facts.amount_minor + (facts.surcharge_minor or 0) - facts.refunded_minor
    status = refund_status(facts.state, available_minor=available, is_disputed=facts.is_disputed)
    return RefundSummary(status, available, facts.refunded_minor)


def settlement_summary(facts: PaymentFacts) -> SettlementSummary:
    """Empty until the capture was asked of the provider."""
    at = facts.capture_submitted_at
    if at is None and facts.captured_on is None and facts.settled_on is None:
        return _NOT_SETTLED
    return SettlementSummary(None if at is None else moment(at), facts.captured_on, facts.settled_on)


def payment_links(facts: PaymentFacts, places: Places, token: str | None) -> Links:
    """What can be done next. token: None leaves out the links for the payer and for card details."""
    here = f"{places.api}/v1/payments/{facts.public_id}"
    mode, is_capturable = facts.authorisation_mode, facts.state in CAPTURABLE
    is_finished = _STATES[facts.state].finished
    is_open = token is not None and not is_finished and not is_capturable
    next_url = next_url_post = auth_url_post = None
    if is_open and mode == "web":
        assert token is not None
        next_url = Link(f"{places.pages}/secure/{token}")
        next_url_post = FormLink(f"{places.pages}/secure", "POST", _FORM, {"chargeTokenId": token})
    elif is_open and mode == "moto_api":
        assert token is not None
        auth_url_post = FormLink(f"{places.api}/v1/auth", "POST", "application/json", {"one_time_token": token})
    return Links(
        itself=Link(here),
        events=Link(here + "/events"),
        refunds=Link(here + "/refunds"),
        next_url=next_url,
        next_url_post=next_url_post,
        auth_url_post=auth_url_post,
        cancel=None if is_finished or mode == "agreement" else Link(here + "/cancel", "POST"),
        capture=Link(here + "/capture", "POST") if is_capturable else None,
    )
