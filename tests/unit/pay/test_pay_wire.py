"""Golden JSON of what Pay answers and sends (contract sections 1.4, 1.6, 1.7, 1.9 and 1.12)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Raw, structs

from services.pay.agreements.facts import AgreementFacts
from services.pay.agreements.wire import AgreementPage, agreement
from services.pay.disputes.facts import DisputeFacts
from services.pay.disputes.wire import DisputePage, dispute
from services.pay.payments.facts import Address, PaymentFacts, card_details
from services.pay.payments.states import State, external
from services.pay.payments.telephone_wire import telephone_payment
from services.pay.payments.webhook_wire import payment_events, payment_resource, webhook_message
from services.pay.payments.wire import PaymentPage, Places, moment, payment
from services.pay.refunds.facts import RefundFacts
from services.pay.refunds.wire import RefundPage, refund, refund_row, refunds_of_payment
from services.pay.requests.bodies import PaymentOutcome, TelephoneNotification
from services.pay.requests.paging import Window, navigation

ID, REFUND_ID = "hu20sqlact5260q2nanm0q8u93", "act4c33g40j3edfmi8jknab84x"
PLACES = Places("https://pay.example", "https://card.example")
HERE = f"https://pay.example/v1/payments/{ID}"
BORN = datetime(2022, 3, 25, 13, 11, 29, 19_500, tzinfo=UTC)
OPEN = PaymentFacts(
    public_id=ID,
    state="created",
    amount_minor=14500,
    reference="12345",
    description="New passport application",
    provider="sandbox",
    created_at=BORN,
    return_url="https://service.gov.uk/back",
)
CARD = card_details(
    brand="visa",
    card_type="debit",
    first_six="123456",
    last_four="1234",
    expiry="04/24",
    cardholder_name="Sherlock Holmes",
    address=Address(line1="221 Baker Street", line2=None, city="London", postcode="NW1 6XE", country="GB"),
)
PAID = structs.replace(
    OPEN,
    state="captured",
    provider="stripe",
    email="sherlock@example.com",
    metadata=Raw(b'{"k":1}'),
    card=CARD,
    surcharge_minor=250,
    fee_minor=200,
    net_minor=14550,
    refunded_minor=750,
    capture_submitted_at=BORN,
    captured_on=date(2022, 3, 25),
    settled_on=date(2022, 3, 27),
    has_three_d_secure=True,
    provider_reference="pi_1",
)


def shown(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def get(href: str) -> dict[str, str]:
    return {"href": href, "method": "GET"}


LINKS = {"self": get(HERE), "events": get(f"{HERE}/events"), "refunds": get(f"{HERE}/refunds")}
CANCEL = {"href": f"{HERE}/cancel", "method": "POST"}
NEXT = {
    "next_url": get("https://card.example/secure/tok"),
    "next_url_post": {
        "type": "application/x-www-form-urlencoded",
        "params": {"chargeTokenId": "tok"},
        "href": "https://card.example/secure",
        "method": "POST",
    },
}


def test_new_payment() -> None:
    assert shown(payment(OPEN, PLACES, "tok")) == {
        "payment_id": ID,
        "amount": 14500,
        "state": {"status": "created", "finished": False},
        "description": "New passport application",
        "reference": "12345",
        "language": "en",
        "payment_provider": "sandbox",
        "created_date": "2022-03-25T13:11:29.019Z",
        "refund_summary": {"status": "pending", "amount_available": 14500, "amount_submitted": 0},
        "settlement_summary": {},
        "delayed_capture": False,
        "moto": False,
        "return_url": "https://service.gov.uk/back",
        "authorisation_mode": "web",
        "_links": {**LINKS, **NEXT, "cancel": CANCEL},
    }


def test_captured_payment() -> None:
    assert shown(payment(PAID, PLACES, "tok")) == {
        "payment_id": ID,
        "amount": 14500,
        "state": {"status": "success", "finished": True},
        "description": "New passport application",
        "reference": "12345",
        "language": "en",
        "email": "sherlock@example.com",
        "metadata": {"k": 1},
        "payment_provider": "stripe",
        "created_date": "2022-03-25T13:11:29.019Z",
        "refund_summary": {"status": "available", "amount_available": 14000, "amount_submitted": 750},
        "settlement_summary": {
            "capture_submit_time": "2022-03-25T13:11:29.019Z",
            "captured_date": "2022-03-25",
            "settled_date": "2022-03-27",
        },
        "card_details": {
            "last_digits_card_number": "1234",
            "first_digits_card_number": "123456",
            "cardholder_name": "Sherlock Holmes",
            "expiry_date": "04/24",
            "billing_address": {
                "line1": "221 Baker Street",
                "line2": None,
                "postcode": "NW1 6XE",
                "city": "London",
                "country": "GB",
            },
            "card_brand": "Visa",
            "card_type": "debit",
            "wallet_type": None,
        },
        "card_brand": "Visa",
        "delayed_capture": False,
        "moto": False,
        "corporate_card_surcharge": 250,
        "total_amount": 14750,
        "fee": 200,
        "net_amount": 14550,
        "provider_id": "pi_1",
        "return_url": "https://service.gov.uk/back",
        "authorisation_mode": "web",
        "authorisation_summary": {"three_d_secure": {"required": True}},
        "_links": LINKS,
    }


def test_empty_values_are_left_out_at_the_top_but_not_of_card_details() -> None:
    facts = structs.replace(
        OPEN, email="", metadata=Raw(b"{}"), return_url=None, card=card_details(cardholder_name="A")
    )
    told = shown(payment(facts, PLACES))
    assert not {"email", "metadata", "return_url", "card_brand"} & set(told)
    assert told["card_details"]["cardholder_name"] == "A"
    assert len(told["card_details"]) == 8
    assert card_details() is None
    assert "metadata" not in shown(payment(structs.replace(OPEN, metadata={}), PLACES))


@pytest.mark.parametrize("mode", ["web", "moto_api", "agreement", "external"])
@pytest.mark.parametrize("state", get_args(State))
def test_links_follow_mode_and_state(state: str, mode: str) -> None:
    links = shown(payment(structs.replace(OPEN, state=state, authorisation_mode=mode), PLACES, "tok"))["_links"]
    is_finished, is_capturable = external(state).finished, state == "capturable"
    is_open = not is_finished and not is_capturable
    assert ("next_url" in links) == ("next_url_post" in links) == (is_open and mode == "web")
    assert ("auth_url_post" in links) == (is_open and mode == "moto_api")
    assert ("cancel" in links) == (not is_finished and mode != "agreement")
    assert ("capture" in links) == is_capturable


def test_card_details_go_to_the_auth_route_in_moto_api_mode() -> None:
    facts = structs.replace(OPEN, authorisation_mode="moto_api")
    assert shown(payment(facts, PLACES, "one"))["_links"]["auth_url_post"] == {
        "type": "application/json",
        "params": {"one_time_token": "one"},
        "href": "https://pay.example/v1/auth",
        "method": "POST",
    }


def test_row_of_a_search_has_no_link_for_the_payer() -> None:
    assert shown(payment(OPEN, PLACES))["_links"] == {**LINKS, "cancel": CANCEL}
    links = shown(payment(structs.replace(OPEN, state="capturable"), PLACES))["_links"]
    assert links["capture"] == {"href": f"{HERE}/capture", "method": "POST"}


def test_only_a_rejected_agreement_payment_says_whether_to_try_again() -> None:
    rejected = structs.replace(OPEN, state="rejected", authorisation_mode="agreement", can_retry=False)
    state = {"status": "failed", "finished": True, "code": "P0010", "message": "Payment method rejected"}
    assert shown(payment(rejected, PLACES))["state"] == {**state, "can_retry": False}
    assert shown(payment(structs.replace(rejected, authorisation_mode="web"), PLACES))["state"] == state
    assert "can_retry" not in shown(payment(structs.replace(rejected, state="expired"), PLACES))["state"]


def test_events_tell_each_external_state_once() -> None:
    later = [("created", 0), ("started", 1), ("authorising", 2), ("authorised", 3), ("capture_approved", 4)]
    history = [(state, BORN + timedelta(seconds=s)) for state, s in [*later, ("captured", 5)]]
    told = shown(payment_events(ID, history, PLACES))
    assert told["payment_id"] == ID
    assert told["_links"] == {"self": get(f"{HERE}/events")}
    assert [event["state"]["status"] for event in told["events"]] == ["created", "started", "submitted", "success"]
    assert told["events"][3] == {
        "payment_id": ID,
        "state": {"status": "success", "finished": True},
        "updated": "2022-03-25T13:11:33.019Z",
        "_links": {"payment_url": get(HERE)},
    }


def test_search_pages_call_their_links_differently_for_disputes_only() -> None:
    nav = navigation("https://pay.example/v1/x", {}, Window(), 0)
    pages: list[Any] = [
        PaymentPage(total=0, count=0, page=1, results=[], links=nav),
        RefundPage(total=0, count=0, page=1, results=[], links=nav),
        AgreementPage(total=0, count=0, page=1, results=[], links=nav),
        DisputePage(total=0, count=0, page=1, results=[], links=nav),
    ]
    assert [sorted(shown(page)) for page in pages] == [
        *[["_links", "count", "page", "results", "total"]] * 3,
        ["count", "links", "page", "results", "total"],
    ]


def test_webhook_carries_the_payment_without_links() -> None:
    message = webhook_message(
        "m1",
        BORN,
        event_type="card_payment_captured",
        resource_type="payment",
        resource_id=ID,
        resource=payment_resource(PAID),
    )
    told = shown(message)
    resource = told.pop("resource")
    assert told == {
        "webhook_message_id": "m1",
        "created_date": "2022-03-25T13:11:29.019Z",
        "resource_id": ID,
        "api_version": 1,
        "resource_type": "payment",
        "event_type": "card_payment_captured",
    }
    by_api = shown(payment(PAID, PLACES))
    own_to_api = {"_links", "provider_id", "authorisation_mode", "card_brand"}
    assert resource == {name: value for name, value in by_api.items() if name not in own_to_api}


REFUND = RefundFacts(public_id=REFUND_ID, payment_id=ID, amount_minor=1000, state="submitted", created_at=BORN)


def test_refunds() -> None:
    golden = {
        "refund_id": REFUND_ID,
        "created_date": "2022-03-25T13:11:29.019Z",
        "amount": 1000,
        "status": "submitted",
        "settlement_summary": {},
        "_links": {"self": get(f"{HERE}/refunds/{REFUND_ID}"), "payment": get(HERE)},
    }
    assert shown(refund(REFUND, PLACES)) == golden
    assert shown(refund_row(REFUND, PLACES)) == {**golden, "payment_id": ID}
    settled = structs.replace(REFUND, state="refunded", settled_on=date(2022, 3, 27))
    told = shown(refund(settled, PLACES))
    assert (told["status"], told["settlement_summary"]) == ("success", {"settled_date": "2022-03-27"})
    assert shown(refunds_of_payment(ID, [REFUND], PLACES)) == {
        "payment_id": ID,
        "_links": {"self": get(f"{HERE}/refunds"), "payment": get(HERE)},
        "_embedded": {"refunds": [golden]},
    }


def test_agreements() -> None:
    facts = AgreementFacts(public_id=ID, reference="r", description="d", state="created", created_at=BORN)
    golden = {
        "agreement_id": ID,
        "reference": "r",
        "description": "d",
        "status": "created",
        "created_date": "2022-03-25T13:11:29.019Z",
    }
    assert shown(agreement(facts)) == golden
    active = structs.replace(facts, state="active", user_identifier="u", card=CARD, stored_at=BORN)
    told = shown(agreement(active))
    assert told["payment_instrument"]["type"] == "card"
    assert told["payment_instrument"]["card_details"]["card_brand"] == "Visa"
    assert (told["status"], told["user_identifier"]) == ("active", "u")
    assert shown(agreement(structs.replace(facts, cancelled_at=BORN)))["cancelled_date"] == moment(BORN)


def test_disputes() -> None:
    facts = DisputeFacts(
        public_id=REFUND_ID,
        payment_id=ID,
        amount_minor=1200,
        reason="fraudulent",
        state="lost",
        created_at=BORN,
        evidence_due_at=BORN,
        fee_minor=1500,
        net_minor=-2700,
        settled_on=date(2022, 7, 28),
    )
    assert shown(dispute(facts, PLACES)) == {
        "amount": 1200,
        "created_date": "2022-03-25T13:11:29.019Z",
        "dispute_id": REFUND_ID,
        "evidence_due_date": "2022-03-25T13:11:29.019Z",
        "fee": 1500,
        "net_amount": -2700,
        "payment_id": ID,
        "reason": "fraudulent",
        "settlement_summary": {"settled_date": "2022-07-28"},
        "status": "lost",
        "_links": {"payment": get(HERE)},
    }


def test_telephone_payment_gives_back_what_was_sent() -> None:
    sent = TelephoneNotification(
        amount=100,
        reference="r",
        description="d",
        processor_id="1PROC",
        provider_id="1PROV",
        payment_outcome=PaymentOutcome(status="success"),
        card_type="visa",
        last_four_digits="1234",
        first_six_digits="123456",
        auth_code="666",
    )
    told = shown(telephone_payment(ID, "captured", sent))
    assert told == {
        "payment_id": ID,
        "state": {"status": "success", "finished": True},
        "amount": 100,
        "reference": "r",
        "description": "d",
        "processor_id": "1PROC",
        "provider_id": "1PROV",
        "payment_outcome": {"status": "success"},
        "card_type": "visa",
        "last_four_digits": "1234",
        "first_six_digits": "123456",
        "auth_code": "666",
    }


def test_moments_are_utc_with_milliseconds() -> None:
    assert moment(datetime(2022, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=1)))) == "2022-01-01T00:00:00.000Z"
