"""The sandbox as a whole: its accounts, its 3-D Secure page, its news."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from common import clock
from common.db import Database
from common.errors import PermanentProviderError
from services.pay.gateways.outcomes import ProviderEvent
from services.pay.gateways.protocol import Account
from services.pay.gateways.sandbox import books, signing, store
from services.pay.gateways.sandbox.faults import Faults
from services.pay.gateways.sandbox.gateway import SandboxGateway
from services.pay.gateways.sandbox.settlement import store as books_store

ChallengeAnswer = Literal["authenticate", "fail", "cancel"]


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer's pretended bank asks. is_open: not answered yet. return_url: where to go after the answer."""

    reference: str
    amount_minor: int
    currency: str
    last_four: str
    is_open: bool
    return_url: str | None


class News(msgspec.Struct, frozen=True):
    """An event to be posted to ourselves, as Stripe would post it."""

    id: str
    raw: bytes
    headers: dict[str, str]


class SandboxProvider:
    """All accounts at the sandbox.

    challenge_url: address of the page that `challenge` is for; the reference is put at its end.
    secret: seals the sandbox's events; the same for whoever posts and whoever reads them.
    """

    def __init__(self, db: Database, *, challenge_url: str, secret: str, faults: Faults | None = None) -> None:
        self._db = db
        self._challenge_url = challenge_url
        self._secret = secret
        self.faults = faults or Faults()

    def of(self, account: Account) -> SandboxGateway:
        """The gateway of one account."""
        return SandboxGateway(
            self._db, account, faults=self.faults, challenge_url=self._challenge_url, secret=self._secret
        )

    # 3-D Secure -------------------------------------------------------------------------------------------------------

    async def challenge(self, reference: str) -> Challenge | None:
        """What to ask the payer; None = there is no such payment."""
        async with self._db.transaction() as tx:
            row = await store.any_payment(tx, reference)
        if row is None:
            return None
        return Challenge(
            reference=row.id,
            amount_minor=row.amount_minor,
            currency=row.currency,
            last_four=row.card["last_four"],
            is_open=row.state == "needs-action",
            return_url=row.return_url,
        )

    async def answer_challenge(self, reference: str, answer: ChallengeAnswer) -> str | None:
        """The payer has answered. Where to send the browser; a second answer changes nothing.

        Raises PermanentProviderError if there is no such payment.
        """
        async with self._db.transaction() as tx:
            row = await store.any_payment(tx, reference)
            if row is None:
                raise PermanentProviderError("unknown payment")
            if row.state != "needs-action":
                return row.return_url
            if answer == "cancel":
                await store.set_state(tx, row.id, "cancelled")
            elif answer == "fail":
                await store.reject(tx, row.id, "authentication-failed")
            elif row.fate == "three-d-secure-then-declined":
                await store.reject(tx, row.id, row.reason)
            else:
                await books.authorise(tx, row, clock.now(), three_d_secure=True)
            return row.return_url

    # news -------------------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Let happen what the clock says, payouts included."""
        async with self._db.transaction() as tx:
            await books.advance(tx, clock.now())
            await books.settle(tx, clock.now())

    async def undelivered(self, limit: int = 100) -> list[News]:
        """Events that nobody has taken, oldest first, sealed as of now."""
        async with self._db.reading() as tx:
            rows = await books_store.undelivered(tx, limit)
        return [News(row.id, *signing.sealed(row.body, self._secret)) for row in rows]

    def read_events(self, raw: bytes, headers: Mapping[str, str]) -> list[ProviderEvent]:
        """What was posted, for whichever account: `connected_account` is its id. Raises BadEvent."""
        return signing.read(raw, headers, self._secret)

    async def delivered(self, event_ids: list[str]) -> None:
        """These were taken; until this is said they are given out again."""
        async with self._db.transaction() as tx:
            await books_store.set_delivered(tx, event_ids, clock.now())
