"""Checkout Sessions of the fake: made, opened, paid, expired."""

from __future__ import annotations

from typing import Final

from services.pay.testing.stripe_server.books import Books, now_s
from services.pay.testing.stripe_server.cards import CARDS
from services.pay.testing.stripe_server.intents import Intents, check_amount
from services.pay.testing.stripe_server.wire import ApiError, Params, invalid, whole

_SHORTEST_S: Final = 30 * 60
_LONGEST_S: Final = 24 * 3600
_SLACK_S: Final = 60


def _priced(params: Params) -> tuple[list[Params], int]:
    lines: list[Params] = params.get("line_items") or []
    if not lines:
        raise invalid("Missing required param: line_items.", code="parameter_missing", param="line_items")
    amount = 0
    for line in lines:
        price = line.get("price_data", {})
        if not price.get("product_data", {}).get("name"):
            raise invalid("Missing required param: name.", code="parameter_missing", param="line_items")
        amount += whole(price, "unit_amount", path="line_items[0][price_data][unit_amount]") * whole(line, "quantity")
    check_amount(amount, "line_items")
    return lines, amount


def _expiry(params: Params) -> int:
    now = now_s()
    expires_at = whole(params, "expires_at") if "expires_at" in params else now + _LONGEST_S
    if not now + _SHORTEST_S - _SLACK_S <= expires_at <= now + _LONGEST_S:
        raise invalid("The `expires_at` timestamp must be 30 minutes to 24 hours ahead.", param="expires_at")
    return expires_at


class Sessions:
    """What can be done with a Checkout Session."""

    def __init__(self, books: Books, intents: Intents, pages: str) -> None:
        self._books = books
        self._intents = intents
        self._pages = pages

    def create(self, account: str, params: Params) -> Params:
        """A hosted page for one payment. Raises ApiError."""
        if params.get("mode") != "payment":
            raise invalid("Only payment mode is known here.", param="mode")
        if not params.get("success_url"):
            raise invalid("Missing required param: success_url.", code="parameter_missing", param="success_url")
        lines, amount = _priced(params)
        made = self._books.add(
            "cs",
            account,
            amount_subtotal=amount,
            amount_total=amount,
            cancel_url=params.get("cancel_url"),
            client_reference_id=params.get("client_reference_id"),
            currency=lines[0]["price_data"]["currency"],
            customer=None,
            customer_creation=params.get("customer_creation", "if_required"),
            customer_email=params.get("customer_email"),
            expires_at=_expiry(params),
            locale=params.get("locale"),
            metadata=dict(params.get("metadata", {})),
            mode="payment",
            payment_intent=None,
            payment_method_types=["card"],
            payment_status="unpaid",
            status="open",
            success_url=params["success_url"],
            ui_mode="hosted_page",
            _intent=params.get("payment_intent_data", {}),
            _name=lines[0]["price_data"]["product_data"]["name"],
        )
        made["url"] = f"{self._pages}/c/pay/{made['id']}"
        return made

    def ripen(self, session: Params) -> Params:
        """Expired by the clock?"""
        if session["status"] == "open" and session["expires_at"] <= now_s():
            self._close(session)
        return session

    def expire(self, session: Params) -> None:
        """Close an open session. Raises ApiError."""
        if self.ripen(session)["status"] != "open":
            raise ApiError(
                400, f'Only Checkout Sessions with a status in ["open"] can be expired, not {session["status"]}.'
            )
        self._close(session)

    def _close(self, session: Params) -> None:
        session.update(status="expired", url=None)
        intent = self._books.get(session["payment_intent"] or "")
        if intent is not None and intent["status"] in ("requires_payment_method", "requires_action"):
            self._intents.cancel(intent)
        self._books.tell("checkout.session.expired", session)

    def pay(self, session: Params, form: Params) -> str | None:
        """The payer sends the page's form: where the browser goes next, None = the card was refused, the page stays.

        form: number, exp_month, exp_year, name, email and the parts of an address.
        """
        card = CARDS.get(form.get("number", "").replace(" ", ""))
        if card is None:
            return None
        account = session["_account"]
        intent = self._books.get(session["payment_intent"] or "") or self._new_intent(session, form)
        address = {name: form.get(name) for name in ("line1", "line2", "city", "state", "postal_code", "country")}
        method = self._intents.method(account, card, {**form, "address": address})
        try:
            self._intents.confirm(intent, method)
        except ApiError:
            return None
        if intent["status"] == "requires_action":
            return str(intent["next_action"]["redirect_to_url"]["url"])
        return self.complete(session)

    def _new_intent(self, session: Params, form: Params) -> Params:
        wanted = session["_intent"]
        if session["customer_creation"] == "always" or wanted.get("setup_future_usage"):
            email = session["customer_email"] or form.get("email")
            customer = self._books.add("cus", session["_account"], email=email, name=form.get("name"))
            session["customer"] = customer["id"]
        intent = self._intents.new(
            session["_account"],
            amount=session["amount_total"],
            currency=session["currency"],
            capture_method=wanted.get("capture_method", "automatic_async"),
            customer=session["customer"],
            description=wanted.get("description"),
            metadata=dict(wanted.get("metadata", {})),
            setup_future_usage=wanted.get("setup_future_usage"),
            _session=session["id"],
        )
        session["payment_intent"] = intent["id"]
        return intent

    def complete(self, session: Params) -> str:
        """The card was authorised: where the browser goes next."""
        session.update(status="complete", url=None)
        self._books.tell("checkout.session.completed", session)
        return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])

    def challenged(self, intent: Params, *, passed: bool) -> str:
        """The payer has answered a challenge: where the browser goes next."""
        session = self._books.get(intent["_session"] or "")
        try:
            self._intents.challenged(intent, passed=passed)
        except ApiError:
            return str(session["url"]) if session is not None else str(intent["_return_url"])
        if session is None:
            return str(intent["_return_url"])
        if session["status"] == "open":
            return self.complete(session)
        return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
