"""The API's endpoints, the parameters they know, and what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from services.pay.testing.stripe_server import money
from services.pay.testing.stripe_server.books import Books
from services.pay.testing.stripe_server.cards import CARDS
from services.pay.testing.stripe_server.intents import Intents, check_amount
from services.pay.testing.stripe_server.sessions import Sessions
from services.pay.testing.stripe_server.wire import Params, check_names, invalid, missing, page, whole

_SESSION: Final = frozenset(
    {
        "mode", "allowed_payment_method_types[]", "line_items[].quantity", "line_items[].price_data.currency",
        "line_items[].price_data.unit_amount", "line_items[].price_data.product_data.name", "client_reference_id",
        "payment_intent_data.capture_method", "payment_intent_data.description", "payment_intent_data.metadata.*",
        "payment_intent_data.setup_future_usage", "metadata.*", "success_url", "cancel_url", "locale",
        "billing_address_collection", "customer_email", "expires_at", "customer_creation",
    }
)  # fmt: skip
_INTENT: Final = frozenset(
    {
        "amount", "currency", "customer", "payment_method", "allowed_payment_method_types[]", "capture_method",
        "confirm", "off_session", "description", "metadata.*",
    }
)  # fmt: skip
_LIST: Final = frozenset({"limit", "starting_after"})
_CLAUSE: Final = re.compile(r"metadata\['((?:[^'\\]|\\.)*)'\]:'((?:[^'\\]|\\.)*)'")


class Api:
    """What each endpoint does. Every function takes the account, the parameters and the id in the path."""

    def __init__(self, books: Books, pages: str) -> None:
        self.books = books
        self.intents = Intents(books, pages)
        self.sessions = Sessions(books, self.intents, pages)

    def create_session(self, account: str, params: Params, _: str) -> Params:
        return self.sessions.create(account, params)

    def get_session(self, account: str, _: Params, name: str) -> Params:
        return self.sessions.ripen(self.books.need("cs", name, account, param="session"))

    def expire_session(self, account: str, _: Params, name: str) -> Params:
        session = self.books.need("cs", name, account, param="session")
        self.sessions.expire(session)
        return session

    def create_intent(self, account: str, params: Params, _: str) -> Params:
        amount = whole(params, "amount")
        check_amount(amount, "amount")
        if params.get("confirm") != "true" or params.get("off_session") != "true":
            raise invalid("Only confirmed off-session PaymentIntents are known here.", param="off_session")
        customer = self.books.need("cus", params.get("customer", ""), account, param="customer")
        method = self.books.need("pm", params.get("payment_method", ""), account, param="payment_method")
        if method["customer"] != customer["id"]:
            raise missing("payment_method", method["id"], "payment_method")
        intent = self.intents.new(
            account,
            amount=amount,
            currency=params["currency"],
            capture_method=params.get("capture_method", "automatic_async"),
            customer=customer["id"],
            description=params.get("description"),
            metadata=dict(params.get("metadata", {})),
        )
        self.intents.confirm(intent, method, off_session=True)
        return intent

    def get_intent(self, account: str, _: Params, name: str) -> Params:
        return self.books.need("pi", name, account)

    def capture(self, account: str, params: Params, name: str) -> Params:
        intent = self.books.need("pi", name, account)
        self.intents.capture(intent, params)
        return intent

    def cancel(self, account: str, _: Params, name: str) -> Params:
        intent = self.books.need("pi", name, account)
        self.intents.cancel(intent)
        return intent

    def list_intents(self, account: str, params: Params, _: str) -> Params:
        found = [
            intent for intent in self.books.all("pi", account) if params.get("customer") in (None, intent["customer"])
        ]
        return page(found, params, "/v1/payment_intents")

    def search_intents(self, account: str, params: Params, _: str) -> Params:
        query = params.get("query", "")
        clauses = [(_plain(name), _plain(value)) for name, value in _CLAUSE.findall(query)]
        if not clauses or re.fullmatch(r"( AND )*", _CLAUSE.sub("", query)) is None:
            raise invalid("We were unable to parse your search query.", param="query")
        found = [
            intent
            for intent in self.books.all("pi", account)
            if self.books.is_indexed(intent["id"])
            and all(intent["metadata"].get(name) == value for name, value in clauses)
        ]
        listed = page(found, params, "/v1/payment_intents/search")
        return {**listed, "object": "search_result", "next_page": None}

    def create_refund(self, account: str, params: Params, _: str) -> Params:
        intent = self.books.need("pi", params.get("payment_intent", ""), account, param="payment_intent")
        return money.refund(self.books, intent, params)

    def list_refunds(self, account: str, params: Params, _: str) -> Params:
        if "payment_intent" in params:
            self.books.need("pi", params["payment_intent"], account, param="payment_intent")
        found = [
            refund
            for refund in self.books.all("re", account)
            if params.get("payment_intent") in (None, refund["payment_intent"])
        ]
        return page(found, params, "/v1/refunds")

    def get_dispute(self, account: str, _: Params, name: str) -> Params:
        return self.books.need("du", name, account, param="dispute")

    def delete_customer(self, account: str, _: Params, name: str) -> Params:
        customer = self.books.need("cus", name, account, param="customer")
        customer["deleted"] = True
        for method in self.books.all("pm", account):
            if method["customer"] == name:
                method["customer"] = None
        return {"id": name, "object": "customer", "deleted": True}

    def list_payouts(self, account: str, params: Params, _: str) -> Params:
        since = int(params.get("created", {}).get("gte", 0))
        found = [payout for payout in self.books.all("po", account) if payout["created"] >= since]
        return page(found, params, "/v1/payouts")

    def list_bookings(self, account: str, params: Params, _: str) -> Params:
        payout = params.get("payout")
        if payout is not None:
            self.books.need("po", payout, account, param="payout")
        found = [booked for booked in self.books.all("txn", account) if payout in (None, booked["_payout"])]
        return page(found, params, "/v1/balance_transactions")

    def setup_card(self, account: str, number: str) -> str:
        """A customer with a kept card, without a first payment; the token as our adapter writes it."""
        customer = self.books.add("cus", account, email=None, name="Test")
        holder = {"exp_month": "12", "exp_year": "2034", "name": "Test", "address": None}
        method = self.intents.method(account, CARDS[number], holder)
        method["customer"], method["_kept"] = customer["id"], True
        return f"{customer['id']}/{method['id']}"


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


class Route(msgspec.Struct, frozen=True):
    """One endpoint. path: a regular expression, the id its first group."""

    operation: str
    method: str
    path: re.Pattern[str]
    allowed: frozenset[str]
    work: Callable[[Api, str, Params, str], Params]


def _route(operation: str, method: str, path: str, allowed: frozenset[str], work: Any) -> Route:
    return Route(operation, method, re.compile(f"/v1/{path}"), allowed, work)


_NONE: Final[frozenset[str]] = frozenset()
_ID: Final = r"([a-z]+_\w+)"

# A literal path stands before one with an id.
ROUTES: Final = (
    _route("hosted", "POST", "checkout/sessions", _SESSION, Api.create_session),
    _route("get_session", "GET", f"checkout/sessions/{_ID}", _NONE, Api.get_session),
    _route("expire", "POST", f"checkout/sessions/{_ID}/expire", _NONE, Api.expire_session),
    _route("search", "GET", "payment_intents/search", frozenset({"query", "limit", "page"}), Api.search_intents),
    _route("list_intents", "GET", "payment_intents", _LIST | {"customer"}, Api.list_intents),
    _route("recurring", "POST", "payment_intents", _INTENT, Api.create_intent),
    _route("get_intent", "GET", f"payment_intents/{_ID}", _NONE, Api.get_intent),
    _route("capture", "POST", f"payment_intents/{_ID}/capture", frozenset({"amount_to_capture"}), Api.capture),
    _route("cancel", "POST", f"payment_intents/{_ID}/cancel", _NONE, Api.cancel),
    _route("refund", "POST", "refunds", frozenset({"payment_intent", "amount", "metadata.*"}), Api.create_refund),
    _route("list_refunds", "GET", "refunds", _LIST | {"payment_intent"}, Api.list_refunds),
    _route("get_dispute", "GET", f"disputes/{_ID}", _NONE, Api.get_dispute),
    _route("forget", "DELETE", f"customers/{_ID}", _NONE, Api.delete_customer),
    _route("list_payouts", "GET", "payouts", _LIST | {"created.gte"}, Api.list_payouts),
    _route("list_bookings", "GET", "balance_transactions", _LIST | {"payout"}, Api.list_bookings),
)


def find(method: str, path: str) -> tuple[Route, str]:
    """The endpoint of a request and the id in its path. Raises ApiError."""
    for route in ROUTES:
        if route.method == method and (match := route.path.fullmatch(path)):
            return route, match[1] if match.groups() else ""
    raise missing("such route", f"{method} {path}", "url")


def perform(api: Api, route: Route, account: str, params: Params, name: str) -> Params:
    """Check the parameters' names and do the work. Raises ApiError."""
    check_names(params, route.allowed)
    return route.work(api, account, params, name)
