"""Both gateways behind one face: what the payer does at each is hidden in a `Rig`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from common import clock
from common.db import Database
from common.ids import uuid7
from services.pay.gateways import sandbox
from services.pay.gateways.cards import Card
from services.pay.gateways.outcomes import Outcome, ProviderEvent
from services.pay.gateways.protocol import Account, Gateway, Order
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.sandbox.provider import SandboxProvider
from services.pay.gateways.stripe_gateway.platform import StripePlatform
from services.pay.testing.stripe_server import StripeServer
from services.pay.testing.stripe_server.server import API_KEY, SECRET

TABLES = (Path(sandbox.__file__).parent / "tables.sql").read_text(encoding="utf-8")
SUCCESS, CANCEL = "https://team.example/return", "https://team.example/cancel"
GOOD, DECLINED, CHALLENGED = "4242424242424242", "4000000000009995", "4000002760003184"


def an_account(provider: str, **fields: object) -> Account:
    return Account(**{"id": uuid7(), "service_id": uuid7(), "mode": "test", "provider": provider, **fields})


def an_order(**fields: object) -> Order:
    usual = {
        "payment": uuid7(),
        "public_id": secrets.token_hex(13),
        "amount_minor": 14500,
        "description": "Parking permit",
        "reference": "PP-1",
        "email": "ada@example.org",
        "return_url": SUCCESS,
    }
    return Order(**{**usual, **fields})


def a_card(number: str = GOOD, **fields: object) -> Card:
    usual = {"cvc": "123", "expiry_month": 12, "expiry_year": 2034, "cardholder_name": "Ada Payer"}
    return Card(number=number, **{**usual, **fields})


def a_key() -> str:
    return str(uuid7())


class Rig:
    """A gateway and the payer at it."""

    gateway: Gateway
    account: Account

    async def enter(self, order: Order, number: str = GOOD, *, key: str | None = None) -> Outcome:
        """The payer gives a card; a challenge is not answered."""
        raise NotImplementedError

    async def challenge(self, outcome_url: str, *, passed: bool) -> None:
        raise NotImplementedError

    def lose_answer(self, operation: str, *, done: bool) -> None:
        """The next call of an operation gets no answer, whether or not it is done."""
        raise NotImplementedError

    async def authorised(self, **fields: object) -> str:
        """An authorised payment's reference."""
        outcome = await self.enter(an_order(**fields))
        return outcome.provider_reference

    async def captured(self, number: str = GOOD, **fields: object) -> tuple[Order, str]:
        order = an_order(**fields)
        outcome = await self.enter(order, number)
        await self.gateway.capture(outcome.provider_reference, order.amount_minor, key=a_key())
        return order, outcome.provider_reference


class SandboxRig(Rig):
    def __init__(self, provider: SandboxProvider) -> None:
        self.provider = provider
        self.account = an_account("sandbox")
        self.gateway = provider.of(self.account)

    async def enter(self, order: Order, number: str = GOOD, *, key: str | None = None) -> Outcome:
        return await self.gateway.authorise(order, a_card(number), key=key or a_key())

    async def challenge(self, outcome_url: str, *, passed: bool) -> None:
        reference = outcome_url.rpartition("/")[2]
        await self.provider.answer_challenge(reference, "authenticate" if passed else "fail")

    def lose_answer(self, operation: str, *, done: bool) -> None:
        self.provider.faults.add(operation, "timeout-after" if done else "timeout-before")


class StripeRig(Rig):
    def __init__(self, fake: StripeServer, platform: StripePlatform, connected: str | None = None) -> None:
        self.fake = fake
        self.account = an_account("stripe", connected_account=connected)
        self.gateway = platform.of(self.account)

    async def enter(self, order: Order, number: str = GOOD, *, key: str | None = None) -> Outcome:
        entry = await self.gateway.hosted_entry(
            order, success_url=SUCCESS, cancel_url=CANCEL, language="en", key=key or a_key()
        )
        to = self.fake.pay(entry.url, number)
        self.challenge_url = to
        return await self.gateway.finish_action(entry.provider_reference)

    def told(self) -> list[ProviderEvent]:
        """What Stripe has told since the last time, read as a webhook is."""
        events = self.fake.undelivered()
        return [read for event in events for read in self.gateway.read_events(*self.fake.signed(event))]

    async def challenge(self, outcome_url: str, *, passed: bool) -> None:
        self.fake.answer_challenge(self.challenge_url, passed=passed)

    def lose_answer(self, operation: str, *, done: bool) -> None:
        names = {"charge_agreement": "recurring"}
        self.fake.faults.add(names.get(operation, operation), "drop-after" if done else "drop-before")


@pytest.fixture
async def sandbox_provider(db: Database) -> SandboxProvider:
    """The sandbox, on tables of its own sql until a migration makes them."""
    async with db.transaction() as tx:
        await tx.execute("create schema if not exists pay")
        if await tx.fetchval("select to_regclass('pay.sandbox_calls')") is None:
            await tx.execute(TABLES)
    return SandboxProvider(db, challenge_url="http://127.0.0.1/sandbox/3ds/", secret="seal", faults=Faults())


@pytest.fixture(scope="session")
def _fake() -> Iterator[StripeServer]:
    with StripeServer() as server:
        yield server


@pytest.fixture
def fake(_fake: StripeServer) -> StripeServer:
    """The worker's Stripe; every test has an account of its own there only if it makes one."""
    _fake.undelivered()
    _fake.calls.clear()
    _fake.secrets[:] = [SECRET]
    return _fake


@pytest.fixture
async def stripe_platform(fake: StripeServer) -> AsyncIterator[StripePlatform]:
    platform = StripePlatform(
        (API_KEY,), webhook_secrets=(SECRET,), api_base=fake.url, timeout_s=5, deadline_s=8, network_retries=0
    )
    yield platform
    await platform.close()


@pytest.fixture(params=["sandbox", "stripe"])
def rig(request: pytest.FixtureRequest) -> Rig:
    """Each provider in turn."""
    if request.param == "sandbox":
        return SandboxRig(request.getfixturevalue("sandbox_provider"))
    return StripeRig(request.getfixturevalue("fake"), request.getfixturevalue("stripe_platform"))


@pytest.fixture
def sandbox_rig(sandbox_provider: SandboxProvider) -> SandboxRig:
    return SandboxRig(sandbox_provider)


@pytest.fixture
def stripe_rig(fake: StripeServer, stripe_platform: StripePlatform) -> StripeRig:
    return StripeRig(fake, stripe_platform)


@pytest.fixture
def connected(fake: StripeServer, stripe_platform: StripePlatform) -> Callable[[str], StripeRig]:
    """Makes rigs of accounts under the platform's key."""
    return lambda name: StripeRig(fake, stripe_platform, name)


Later = Callable[[float], None]


@pytest.fixture
def later() -> Iterator[Later]:
    """`later(seconds)` lets the clock run ahead for the rest of the test."""
    shifts = []

    def run(seconds: float) -> None:
        shift = clock.shifted(timedelta(seconds=seconds))
        shift.__enter__()
        shifts.append(shift)

    yield run
    for shift in reversed(shifts):
        shift.__exit__(None, None, None)


@pytest.fixture
def make_order() -> Callable[..., Order]:
    return an_order


@pytest.fixture
def make_card() -> Callable[..., Card]:
    return a_card


@pytest.fixture
def make_key() -> Callable[[], str]:
    return a_key


@pytest.fixture
def make_account() -> Callable[..., Account]:
    return an_account
