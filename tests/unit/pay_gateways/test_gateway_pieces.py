"""Gateways, the parts that need nobody: privacy of cards, reasons, faults, attempts, forms."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import msgspec
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from common.errors import PermanentProviderError, TransientProviderError
from common.settings import SettingsError, load
from services.pay.gateways.cards import Address, Card, CardDetails
from services.pay.gateways.outcomes import Authorised, Captured
from services.pay.gateways.protocol import Account, Order
from services.pay.gateways.reasons import FINAL_REASONS, can_retry
from services.pay.gateways.sandbox.books import fee_minor
from services.pay.gateways.sandbox.cards import MAGIC, look_up
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.settings import GatewaySettings
from services.pay.gateways.stripe_gateway.calls import Transport, calling
from services.pay.gateways.stripe_gateway.declines import _REASONS, reason_of
from services.pay.testing.stripe_server.wire import decode

NUMBER, NAME, EMAIL = "4242424242424242", "Ada Payer", "ada@example.org"
CARD = Card(
    number=NUMBER,
    cvc="987",
    expiry_month=12,
    expiry_year=2034,
    cardholder_name=NAME,
    address=Address(line1="1 High St"),
)
PRIVATE = [
    CARD,
    CardDetails(first_six="424242", last_four="4242", cardholder_name=NAME, billing_address=Address(line1="1 High St")),
    Order(payment=uuid4(), public_id="x", amount_minor=1, description="1 High St", reference=NAME, email=EMAIL),
    Account(id=uuid4(), service_id=uuid4(), mode="live", provider="stripe", api_key="sk_live_secret"),
    Authorised(
        provider_reference="pi_1", amount_minor=1, card=CardDetails(cardholder_name=NAME), stored="cus_1/pm_secret"
    ),
]


@pytest.mark.parametrize("thing", PRIVATE, ids=lambda thing: type(thing).__name__)
def test_private_things_do_not_show_themselves(thing):
    printed = io.StringIO()
    Console(file=printed, width=200).print(thing, [thing])
    for text in (repr(thing), str(thing), f"{thing}", repr([thing]), f"{(thing,)!r}", printed.getvalue()):
        for secret in (NUMBER, "987", "424242", NAME, EMAIL, "High St", "secret"):
            assert secret not in text


def test_final_reasons_are_those_of_the_contract():
    assert len(FINAL_REASONS) == 18
    assert not can_retry("stolen-card")
    assert can_retry("insufficient-funds")


def test_stripe_tells_twenty_codes_apart():
    assert len(_REASONS) == 20 + 1
    assert reason_of("revocation_of_all_authorizations", "card_declined") == "revocation-of-all-authorisations"
    assert reason_of(None, "expired_card") == "expired-card"
    assert reason_of(None, None) == "uncategorised"


@pytest.mark.parametrize("number", MAGIC)
def test_magic_numbers_pass_luhn(number):
    digits = [int(digit) for digit in reversed(number)]
    assert sum(sum(divmod(digit * (1 + at % 2), 10)) for at, digit in enumerate(digits)) % 10 == 0
    assert look_up(number).brand == MAGIC[number].brand


def test_cards_are_looked_up_before_they_are_asked():
    assert look_up("6759649826438453").brand == "maestro"
    assert look_up("4111111111111111").is_corporate
    assert look_up("4929000000006") is None


@pytest.mark.parametrize(
    ("amount", "fee"), [(0, 0), (100, 22), (33, 20), (34, 21), (14500, 238), (10_000_000, 150_020)]
)
def test_sandbox_fee_is_one_and_a_half_percent_and_twenty(amount, fee):
    assert fee_minor(amount) == fee


def test_faults_strike_as_often_as_they_are_told_and_where():
    faults = Faults("capture:timeout-after*2 refund:error-before")
    faults.strike("capture", "before")
    for _ in range(2):
        with pytest.raises(TransientProviderError) as raised:
            faults.strike("capture", "after")
        assert raised.value.sent_unknown
    faults.strike("capture", "after")
    faults.strike("cancel", "before")
    with pytest.raises(TransientProviderError) as raised:
        faults.strike("refund", "before")
    assert (raised.value.sent_unknown, raised.value.provider_down) == (False, True)


@pytest.mark.parametrize("script", ["capture", "capture:burn", "capture:timeout-after*x"])
def test_faults_that_make_no_sense_are_refused(script):
    with pytest.raises(ValueError, match=r"must read|no such fault"):
        Faults(script)


@pytest.mark.parametrize(
    ("name", "value"),
    [("STRIPE_API_KEY", "pk_live_x"), ("STRIPE_WEBHOOK_SECRETS", "x"), ("STRIPE_API_BASE", "https://x/v1")],
)
def test_wrong_gateway_settings_stop_the_start(name, value):
    with pytest.raises(SettingsError, match=name):
        load(GatewaySettings, {name: value})


def test_gateway_settings_take_a_key_for_each_mode():
    settings = load(GatewaySettings, {"STRIPE_API_KEY": "sk_live_a rk_test_b", "STRIPE_WEBHOOK_SECRETS": "whsec_a"})
    assert settings.stripe_api_key.split() == ["sk_live_a", "rk_test_b"]


# attempts of stripe-python --------------------------------------------------------------------------------------------


async def attempt(*answers, retries=1):
    """One call whose attempts end like this: an exception of httpx, or a status."""
    left = list(answers)

    def answer(request):
        one = left.pop(0)
        if isinstance(one, int):
            return httpx.Response(one, json={"error": {"type": "api_error", "message": EMAIL}})
        raise one

    transport = Transport(timeout_s=1)
    await transport.close_async()
    transport._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    transport._sleep_time_seconds = lambda _: 0
    client = stripe.StripeClient("sk_test_x", http_client=transport, max_network_retries=retries)
    try:
        with pytest.raises((TransientProviderError, PermanentProviderError)) as raised:
            async with calling(5):
                await client.v1.payment_intents.cancel_async("pi_x")
    finally:
        await transport.close_async()
    assert left == []
    assert EMAIL not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("answers", "unknown", "down"),
    [
        ((httpx.ConnectError("x"), httpx.ConnectTimeout("x")), False, True),
        ((httpx.ReadTimeout("x"), httpx.ConnectError("x")), True, False),
        ((500, httpx.ConnectError("x")), True, False),
        ((httpx.ConnectError("x"), httpx.ReadError("x")), True, False),
        ((httpx.ReadTimeout("x"), 429), True, False),
        ((429,), False, False),
        ((409, 409), True, False),
        ((401,), False, True),
        ((503, 503), True, False),
        ((httpx.PoolTimeout("x"), httpx.PoolTimeout("x")), False, True),
    ],
)
async def test_one_attempt_that_may_have_worked_makes_the_call_unknown(answers, unknown, down):
    error = await attempt(*answers)
    assert isinstance(error, TransientProviderError)
    assert (error.sent_unknown, error.provider_down) == (unknown, down)


async def test_definite_refusal_after_a_lost_answer_is_definite():
    assert isinstance(await attempt(httpx.ReadTimeout("x"), 400), PermanentProviderError)


def test_nothing_is_told_to_stripe_about_us():
    assert stripe.enable_telemetry is False


# pieces of the server -------------------------------------------------------------------------------------------------


def test_forms_with_brackets_are_read():
    assert decode("a[b][0][c]=1&a[b][1][c]=2&d=x%20y&e[0]=z&m[k]=") == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": "x y",
        "e": ["z"],
        "m": {"k": ""},
    }


@given(st.integers(0, 10**7), st.integers(0, 10**7) | st.none())
def test_outcomes_survive_the_sandboxs_memory(amount, fee):
    captured = Captured(captured_at=datetime(2026, 11, 23, tzinfo=UTC), amount_minor=amount, fee_minor=fee)
    assert msgspec.convert(msgspec.to_builtins(captured), Captured) == captured
