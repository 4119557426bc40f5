"""The fake Stripe, running: on a free port of 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import urlencode, urlsplit

import uvicorn

from common import clock
from services.pay.testing.stripe_server import money
from services.pay.testing.stripe_server.app import Call, Front, build
from services.pay.testing.stripe_server.books import Books
from services.pay.testing.stripe_server.faults import Faults, Keys
from services.pay.testing.stripe_server.routes import Api
from services.pay.testing.stripe_server.wire import Params

API_KEY: Final = "sk_test_fake"
SECRET: Final = "whsec_fake"  # noqa: S105 - the fake's own
_START_S: Final = 10.0


class StripeServer:
    """`with StripeServer() as fake:` then point the adapter at `fake.url`.

    faults: what is to go wrong. calls: what was asked. hosted pages are real pages: open them, or use `pay`.
    webhook_url: where `deliver` posts to; secrets: those it signs with.
    """

    def __init__(self, *, webhook_url: str | None = None, secrets: Sequence[str] = (SECRET,), port: int = 0) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.webhook_url = webhook_url
        self.secrets = list(secrets)
        self.faults = Faults()
        self.lock = threading.RLock()
        self.books = Books()
        self._keys = Keys()
        self._api = Api(self.books, self.url)
        self._front = Front(self._api, self.faults, self._keys, self.lock)
        config = uvicorn.Config(
            build(self._front, self.lock), log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._told = 0

    def __enter__(self) -> StripeServer:
        self._thread.start()
        until = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > until:
                raise TimeoutError("the fake Stripe did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._front.released.set()
        self._thread.join(_START_S)
        self._socket.close()

    @property
    def calls(self) -> list[Call]:
        """Every request so far."""
        return self._front.calls

    # the payer --------------------------------------------------------------------------------------------------------

    def pay(self, page_url: str, number: str, **form: str) -> str:
        """Enter a card on a hosted page. Where the browser is sent: on, to a challenge, or `page_url` if refused."""
        filled = {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123", "name": "Ada Payer", **form}
        return _post_form(page_url, filled) or page_url

    def answer_challenge(self, challenge_url: str, *, passed: bool = True) -> str:
        """Answer 3-D Secure. Where the browser is sent."""
        return _post_form(challenge_url, {"answer": "complete" if passed else "fail"}) or challenge_url

    # the world --------------------------------------------------------------------------------------------------------

    def keep_card(self, number: str, account: str = "") -> str:
        """A kept card, as if an agreement had been set up; the adapter's token."""
        with self.lock:
            return self._api.setup_card(account, number)

    def decline_recurring(self, token: str, decline_code: str) -> None:
        """Let the issuer refuse this kept card from now on."""
        self._api.intents.recurring_declines[token.partition("/")[2]] = decline_code

    def move_dispute(self, dispute: str, status: Literal["under_review", "won", "lost"]) -> None:
        """Let the bank decide."""
        with self.lock:
            self._api.intents.move_dispute(self.books.objects[dispute], status)

    def finish_refunds(self) -> None:
        """Let pending refunds come out, and those of the failing card fail."""
        with self.lock:
            money.finish_refunds(self.books)

    def pay_out(self, account: str = "") -> Params | None:
        """Send the balance to the bank."""
        with self.lock:
            return money.pay_out(self.books, account)

    def forget_keys(self) -> None:
        """A day later: Idempotency-Keys are unknown again."""
        self._keys.forget()

    # events -----------------------------------------------------------------------------------------------------------

    def signed(
        self, event: Params, *, at: int | None = None, secrets: Sequence[str] | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """An event's body and headers. at: seconds since 1970, now if not given."""
        body = json.dumps(event)
        moment = int(clock.epoch_s()) if at is None else at
        sealed = f"{moment}.{body}".encode()
        seals = [
            f"v1={hmac.new(secret.encode(), sealed, hashlib.sha256).hexdigest()}"
            for secret in (self.secrets if secrets is None else secrets)
        ]
        header = ",".join([f"t={moment}", *seals])
        return body.encode(), {"content-type": "application/json", "stripe-signature": header}

    def undelivered(self) -> list[Params]:
        """Events since the last time, oldest first."""
        with self.lock:
            news = self.books.events[self._told :]
            self._told = len(self.books.events)
        return news

    def deliver(self, *, order: Literal["made", "reversed"] = "made", times: int = 1) -> list[int]:
        """Post what is new to `webhook_url`, in an order, each so many times. The answers' statuses."""
        news = self.undelivered()
        if order == "reversed":
            news.reverse()
        if self.webhook_url is None:
            raise ValueError("no webhook_url")
        return [_post(self.webhook_url, *self.signed(event))[0] for event in news * times]


def _post(url: str, raw: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
    """The status and Location of an answer; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("POST", target, raw, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("location")
    finally:
        connection.close()


def _post_form(url: str, form: dict[str, str]) -> str | None:
    """Send a page's form; where the browser is sent, None = the page is shown again."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    status, location = _post(url, urlencode(form).encode(), headers)
    if status not in (200, 303):
        raise AssertionError(f"the page answered {status}")
    return location
