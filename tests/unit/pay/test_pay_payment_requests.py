"""POST /v1/payments: every text of contract section 1.3, their order, and that fast and complete way agree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pay.errors import PayRefusal
from services.pay.requests import decode
from services.pay.requests.bodies import BillingAddress, Internal, LineItem, PaymentRequest, PrefilledDetails
from services.pay.requests.decode import decode_payment
from services.pay.requests.slow import read_payment

AGREEMENT = "abcdefghijklmnopqrstuv0123"
GOOD: dict[str, Any] = {
    "amount": 14500,
    "reference": "12345",
    "description": "New passport application",
    "return_url": "https://service.gov.uk/back",
}


def body(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


def refusal(raw: bytes) -> PayRefusal:
    with pytest.raises(PayRefusal) as caught:
        decode_payment(raw)
    return caught.value


def said(raw: bytes) -> tuple[int, str | None, str | None, str]:
    error = refusal(raw)
    return error.status, error.code, error.field, error.detail


def test_whole_request_is_read() -> None:
    address = {"line1": "1 High St", "line2": "", "city": "Leeds", "postcode": "LS1 1AA", "country": "GB"}
    raw = body(
        email="a@example.org",
        language="cy",
        delayed_capture=True,
        moto=True,
        metadata={"ledger_code": "AB", "n": 1.5, "ok": False},
        prefilled_cardholder_details={"cardholder_name": "J Doe", "billing_address": address},
        authorisation_mode="web",
        anything_else=[1, {"x": None}],
    )
    assert decode_payment(raw) == PaymentRequest(
        **GOOD,
        email="a@example.org",
        language="cy",
        delayed_capture=True,
        moto=True,
        metadata={"ledger_code": "AB", "n": 1.5, "ok": False},
        prefilled_cardholder_details=PrefilledDetails(
            cardholder_name="J Doe", billing_address=BillingAddress(**address)
        ),
    )


def test_good_body_takes_the_fast_way() -> None:
    assert decode._fast_payment(body(metadata={"a": 1}, email="a@b.c")) is not None


REQUIRED = [(name, f"Missing mandatory attribute: {name}") for name in ("amount", "reference", "description")]


@pytest.mark.parametrize(("name", "text"), REQUIRED)
def test_mandatory_attribute_that_is_missing_is_400(name: str, text: str) -> None:
    for raw in (without(name), body(**{name: None})):
        assert said(raw) == (400, "P0101", name, text)


@pytest.mark.parametrize("name", ["reference", "description"])
def test_blank_text_is_missing(name: str) -> None:
    assert said(body(**{name: "  "})) == (400, "P0101", name, f"Missing mandatory attribute: {name}")


@pytest.mark.parametrize("value", ["100", 1.0, 1.5, True, 2**31, -(2**31) - 1, [], {}])
def test_amount_of_a_wrong_type_is_400(value: Any) -> None:
    text = "Invalid attribute value: amount. Must be a valid numeric format"
    assert said(body(amount=value)) == (400, "P0102", "amount", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(-1, "greater than or equal to 1"), (10_000_001, "less than or equal to 10000000")],
)
def test_amount_out_of_bounds_is_422(value: int, text: str) -> None:
    whole = f"Invalid attribute value: amount. Must be {text}"
    assert said(body(amount=value)) == (422, "P0102", "amount", whole)


def test_amount_of_nothing_is_left_to_the_account() -> None:
    assert decode_payment(body(amount=0)).amount == 0
    assert decode_payment(body(amount=10_000_000)).amount == 10_000_000


MALFORMED = [
    ("reference", 1, "Must be a valid string format"),
    ("reference", "a<b", "Must be a valid string format"),
    ("reference", "a>b", "Must be a valid string format"),
    ("description", "a|b", "Must be a valid string format"),
    ("description", "a\0b", "Must be a valid string format"),
    ("description", "\ud800", "Must be a valid string format"),
    ("return_url", 1, "Must be a valid URL format"),
    ("moto", "true", "Must be true or false"),
    ("moto", None, "Must be true or false"),
    ("delayed_capture", 1, "Must be true or false"),
    ("language", None, 'Must be "en" or "cy"'),
    ("language", " ", 'Must be "en" or "cy"'),
    ("email", 1, "Field must be a string"),
    ("authorisation_mode", "", "Must be one of web, moto_api, agreement"),
    ("authorisation_mode", None, "Must be one of web, moto_api, agreement"),
    ("agreement_payment_type", 1, "Must be one of instalment, recurring, unscheduled"),
]


@pytest.mark.parametrize(("name", "value", "text"), MALFORMED)
def test_wrong_type_is_400(name: str, value: Any, text: str) -> None:
    assert said(body(**{name: value})) == (400, "P0102", name, f"Invalid attribute value: {name}. {text}")


INVALID = [
    ("language", "fr", 'Must be "en" or "cy"'),
    ("authorisation_mode", "external", "Must be one of web, moto_api, agreement"),
    ("reference", "r" * 256, "Must be less than or equal to 255 characters length"),
    ("description", "d" * 256, "Must be less than or equal to 255 characters length"),
    ("email", "e" * 255, "Must be less than or equal to 254 characters length"),
    ("return_url", "https://a.uk/" + "u" * 2000, "Must be less than or equal to 2000 characters length"),
    ("set_up_agreement", "short", "Field [set_up_agreement] length must be 26"),
]


@pytest.mark.parametrize(("name", "value", "text"), INVALID)
def test_wrong_value_is_422(name: str, value: Any, text: str) -> None:
    assert said(body(**{name: value})) == (422, "P0102", name, f"Invalid attribute value: {name}. {text}")


@pytest.mark.parametrize("name", ["cardholder_name", "line1", "line2", "city", "postcode", "country"])
def test_prefilled_details_are_named_by_their_leaf(name: str) -> None:
    def filled(value: Any) -> bytes:
        details = {name: value} if name == "cardholder_name" else {"billing_address": {name: value}}
        return body(prefilled_cardholder_details=details)

    text = f"Invalid attribute value: {name}. Field must be a string"
    assert said(filled(1)) == (400, "P0102", name, text)
    if name != "country":
        longest = 25 if name == "postcode" else 255
        text = f"Invalid attribute value: {name}. Must be less than or equal to {longest} characters length"
        assert said(filled("x" * (longest + 1))) == (422, "P0102", name, text)
        assert decode_payment(filled("x" * longest)).prefilled_cardholder_details is not None


METADATA = [
    (None, "Value must not be null"),
    ([], "Must be an object of JSON key-value pairs"),
    ("x", "Must be an object of JSON key-value pairs"),
    ({str(n): n for n in range(16)}, "Cannot have more than 15 key-value pairs"),
    ({"": 1}, "Keys must be between 1 and 30 characters long"),
    ({"k" * 31: 1}, "Keys must be between 1 and 30 characters long"),
    ({"k": {}}, "Values must be of type String, Boolean or Number"),
    ({"k": 2**63}, "Values must be of type String, Boolean or Number"),
    ({"k": "v" * 101}, "Values must be no greater than 100 characters long"),
    ({"k": None}, "Must not have null values"),
    ({"k": 1, "K": 2}, "Must have case insensitive unique keys"),
    ({"": None}, "Keys must be between 1 and 30 characters long. Must not have null values"),
]


@pytest.mark.parametrize(("value", "text"), METADATA)
def test_faults_of_metadata_are_422_and_joined(value: Any, text: str) -> None:
    assert said(body(metadata=value)) == (422, "P0102", "metadata", f"Invalid attribute value: metadata. {text}")


def test_metadata_at_its_limits_is_read() -> None:
    pairs = {f"{n:02}{'k' * 28}": "v" * 100 for n in range(15)}
    assert decode_payment(body(metadata=pairs)).metadata == pairs


def test_agreement_id_goes_with_the_agreement_mode_only() -> None:
    assert said(body(agreement_id=AGREEMENT)) == (400, "P0104", None, "Unexpected attribute: agreement_id")
    raw = body(authorisation_mode="agreement", agreement_id="short")
    text = "Invalid attribute value: agreement_id. Field [agreement_id] length must be 26"
    assert said(raw) == (422, "P0102", "agreement_id", text)
    assert decode_payment(body(authorisation_mode="agreement", agreement_id=AGREEMENT)).agreement_id == AGREEMENT


def test_agreement_payment_type_needs_an_agreement() -> None:
    text = "Unexpected attribute: agreement_payment_type"
    assert said(body(agreement_payment_type="recurring")) == (400, "P0104", None, text)
    assert said(body(agreement_payment_type="bogus")) == (400, "P0104", None, text)
    raw = body(set_up_agreement=AGREEMENT, agreement_payment_type="instalment")
    assert decode_payment(raw).agreement_payment_type == "instalment"
    error = refusal(body(set_up_agreement=AGREEMENT, agreement_payment_type="bogus"))
    assert (error.status, error.code, error.field) == (422, "P0102", "agreement_payment_type")


def test_null_is_no_absence_where_the_contract_looks_for_the_name() -> None:
    assert refusal(body(agreement_id=None)).code == "P0104"
    assert refusal(body(agreement_payment_type=None)).field == "agreement_payment_type"
    for name in ("return_url", "email", "set_up_agreement", "prefilled_cardholder_details", "internal", "line_items"):
        assert decode_payment(body(**{name: None})) == decode_payment(without(name)), name


def test_source_of_our_own_components() -> None:
    text = "Invalid attribute value: source. Accepted values are only CARD_PAYMENT_LINK, CARD_AGENT_INITIATED_MOTO"
    assert decode_payment(body(internal={"source": "CARD_PAYMENT_LINK"})).internal == Internal(
        source="CARD_PAYMENT_LINK"
    )
    assert decode_payment(body(internal={"source": None})).source == "CARD_API"
    assert decode_payment(body(internal=7, source=8)).source == "CARD_API"
    assert said(body(internal={"source": "CARD_API"})) == (400, "P0102", "source", text)
    assert said(body(internal={"source": 1})) == (400, "P0102", "source", text)
    assert said(body(internal={"source": "NONE"})) == (422, "P0102", "source", text)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"amount": NaN}', b'{"a": 1,}', b"[" * 100_000, b'{"a":"\n"}'])
def test_what_is_no_json_is_400(raw: bytes) -> None:
    assert (refusal(raw).status, refusal(raw).detail) == (400, "Unable to parse JSON")


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"null", b"1", b"{}"])
def test_json_that_is_no_object_lacks_the_amount(raw: bytes) -> None:
    assert said(raw) == (400, "P0101", "amount", "Missing mandatory attribute: amount")


def test_byte_order_mark_is_let_be() -> None:
    assert decode_payment(b"\xef\xbb\xbf" + body()).amount == 14500


# each field is wrong in its type: whichever is first in the contract's order is told
ORDER: list[tuple[str, Any]] = [
    ("amount", "x"),
    ("reference", 1),
    ("description", 1),
    ("return_url", 1),
    ("moto", 1),
    ("authorisation_mode", 1),
    ("agreement_payment_type", 1),
    ("language", 1),
    ("delayed_capture", 1),
    ("email", 1),
    ("prefilled_cardholder_details", {"cardholder_name": 1}),
    ("metadata", []),
    ("internal", {"source": 1}),
]


def test_faults_are_told_in_the_contracts_order() -> None:
    told = []
    for place in range(len(ORDER)):
        told.append(refusal(body(**dict(reversed(ORDER[place:])))).field)
    leaves = {"prefilled_cardholder_details": "cardholder_name", "internal": "source"}
    assert told == [leaves.get(name, name) for name, _ in ORDER]


def test_faults_of_type_come_before_faults_of_length() -> None:
    assert refusal(body(reference="r" * 256, email=1)).field == "email"
    assert refusal(body(reference="r" * 256, metadata=None)).field == "metadata"


def test_line_items_add_up() -> None:
    items = [
        {"description": "Fee", "amount": 14000, "fund_code": "A1"},
        {"description": "Post", "amount": 500, "x": 1},
    ]
    assert decode_payment(body(line_items=items)).line_items == (
        LineItem(description="Fee", amount=14000, fund_code="A1"),
        LineItem(description="Post", amount=500),
    )
    error = refusal(body(line_items=items[:1]))
    assert (error.status, error.field) == (422, "line_items")
    assert error.detail.endswith("Amounts must add up to the amount of the payment")


@pytest.mark.parametrize(
    "value",
    [
        {},
        [1],
        [{"description": "", "amount": 1}],
        [{"description": "x", "amount": -1}],
        [{"description": "x", "amount": "1"}],
        [{"description": "\ud800", "amount": 14500}],
        [{"description": "x\0", "amount": 14500}],
        [{"description": "x", "amount": 290}] * 51,
    ],
)
def test_line_items_of_another_shape_are_422(value: Any) -> None:
    error = refusal(body(line_items=value))
    assert (error.status, error.code, error.field) == (422, "P0102", "line_items")


# any JSON in any field -------------------------------------------------------

texts = st.text(max_size=8) | st.sampled_from(["", " ", "a<b", "é", "en", "cy", "web", "x" * 256, "\0", AGREEMENT])
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4))
pairs = st.dictionaries(texts, st.text(max_size=3) | st.integers() | st.booleans() | st.floats(-9, 9), max_size=3)
likely = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.integers(-5, 10_000_005) | values,
        "reference": texts | values,
        "description": texts | values,
        "return_url": texts | values,
        "moto": st.booleans() | values,
        "delayed_capture": st.booleans() | values,
        "language": st.sampled_from(["en", "cy"]) | values,
        "email": texts | values,
        "metadata": pairs | values,
        "prefilled_cardholder_details": st.dictionaries(
            st.sampled_from(["cardholder_name", "billing_address"]),
            texts | st.dictionaries(st.sampled_from(["line1", "city", "postcode", "country"]), texts),
        )
        | values,
        "authorisation_mode": st.sampled_from(["web", "moto_api", "agreement"]) | values,
        "agreement_id": texts | values,
        "set_up_agreement": texts | values,
        "agreement_payment_type": st.sampled_from(["recurring"]) | values,
        "internal": st.fixed_dictionaries({"source": texts}) | values,
        "line_items": values,
        "other": values,
        "source": values,
    },
)


def outcome(read: Any, raw: bytes) -> Any:
    try:
        return read(raw)
    except PayRefusal as error:
        return type(error), error.status, error.code, error.field, error.detail


@settings(max_examples=400, deadline=None)
@given(likely, st.booleans(), st.booleans())
def test_fast_way_and_complete_way_agree(changes: dict[str, Any], is_whole: bool, is_ascii: bool) -> None:
    raw = json.dumps({**(GOOD if is_whole else {}), **changes}, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    complete = outcome(read_payment, raw)
    assert outcome(decode_payment, raw) == complete
    fast = decode._fast_payment(raw)
    assert fast is None or fast == complete


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 120))
def test_damaged_bodies_agree_too(damage: bytes, at: int) -> None:
    whole = body(metadata={"a": "b"})
    raw = whole[:at] + damage + whole[at + len(damage) :]
    assert outcome(decode_payment, raw) == outcome(read_payment, raw)
