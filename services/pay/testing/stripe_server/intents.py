"""PaymentIntents and their charges: confirmed, challenged, captured, cancelled."""

from __future__ import annotations

from typing import Any, Final

from services.pay.testing.stripe_server.books import Books, now_s
from services.pay.testing.stripe_server.cards import CARDS, TestCard
from services.pay.testing.stripe_server.wire import ApiError, Params, invalid, whole

_LEAST: Final = 30
_DISPUTE_FEE: Final = 2000
_CANCELLABLE: Final = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing"}
)


def fee_of(amount: int) -> int:
    """1.5 % and 20 pence."""
    return (amount * 15 + 500) // 1000 + 20


def check_amount(amount: int, param: str) -> None:
    """Refuse less than Stripe charges in pounds."""
    if amount < _LEAST:
        raise invalid("Amount must be at least £0.30 gbp", code="amount_too_small", param=param)


def unexpected_state(intent: Params, what: str) -> ApiError:
    """The intent has another status."""
    message = f"This PaymentIntent could not be {what} because it has a status of {intent['status']}."
    return ApiError(400, message, code="payment_intent_unexpected_state", payment_intent=intent)


class Intents:
    """What can be done with a PaymentIntent."""

    def __init__(self, books: Books, pages: str) -> None:
        self._books = books
        self._pages = pages
        self.recurring_declines: dict[str, str] = {}

    def new(self, account: str, *, amount: int, currency: str, **fields: Any) -> Params:
        """A PaymentIntent that waits for a card."""
        return self._books.add(
            "pi",
            account,
            **{
                "amount": amount,
                "amount_capturable": 0,
                "amount_received": 0,
                "currency": currency,
                "capture_method": "manual",
                "customer": None,
                "description": None,
                "last_payment_error": None,
                "latest_charge": None,
                "next_action": None,
                "payment_method": None,
                "payment_method_types": ["card"],
                "setup_future_usage": None,
                "canceled_at": None,
                "status": "requires_payment_method",
                "_return_url": None,
                "_session": None,
                **fields,
            },
        )

    def method(self, account: str, card: TestCard, holder: Params) -> Params:
        """A PaymentMethod of a card. holder: exp_month, exp_year, name, address."""
        return self._books.add(
            "pm",
            account,
            type="card",
            customer=None,
            billing_details={
                "name": holder.get("name"),
                "email": holder.get("email"),
                "phone": None,
                "address": holder.get("address"),
            },
            card={
                "brand": card.brand,
                "funding": card.funding,
                "last4": card.number[-4:],
                "exp_month": int(holder["exp_month"]),
                "exp_year": int(holder["exp_year"]),
            },
            _card=card.number,
            _kept=False,
        )

    def confirm(self, intent: Params, method: Params, *, off_session: bool = False) -> None:
        """Try to authorise with a card. Raises ApiError (402) when it is refused."""
        card = CARDS[method["_card"]]
        intent["payment_method"], intent["next_action"], intent["last_payment_error"] = method["id"], None, None
        if off_session:
            declined = self.recurring_declines.get(method["id"])
            refusal = ("card_declined", declined) if declined else card.off_session or card.decline
            if refusal is not None:
                raise self._refuse(intent, method, refusal)
        elif card.challenge is not None:
            intent["status"] = "requires_action"
            url = f"{self._pages}/3ds/{intent['id']}"
            intent["next_action"] = {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": intent["_return_url"]},
            }
            self._books.tell("payment_intent.requires_action", intent)
            return
        elif card.decline is not None:
            raise self._refuse(intent, method, card.decline)
        self._authorise(intent, method, authenticated=False)

    def challenged(self, intent: Params, *, passed: bool) -> None:
        """The payer has answered the challenge. Raises ApiError (402) when it or the card fails."""
        if intent["status"] != "requires_action":
            return
        method = self._books.objects[intent["payment_method"]]
        card = CARDS[method["_card"]]
        intent["next_action"] = None
        if not passed:
            raise self._refuse(intent, method, ("payment_intent_authentication_failure", None))
        if card.decline is not None:
            raise self._refuse(intent, method, card.decline)
        self._authorise(intent, method, authenticated=True)

    def _charge(self, intent: Params, method: Params, *, authenticated: bool, status: str) -> Params:
        charge = self._books.add(
            "ch",
            intent["_account"],
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            balance_transaction=None,
            billing_details=method["billing_details"],
            captured=False,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            metadata=dict(intent["metadata"]),
            paid=status == "succeeded",
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details={
                "type": "card",
                "card": {
                    **method["card"],
                    "three_d_secure": {"result": "authenticated", "version": "2.2.0"} if authenticated else None,
                },
            },
            refunded=False,
            status=status,
        )
        intent["latest_charge"] = charge["id"]
        return charge

    def _refuse(self, intent: Params, method: Params, refusal: tuple[str, str | None]) -> ApiError:
        charge = self._charge(intent, method, authenticated=False, status="failed")
        code, decline_code = refusal
        error: Params = {
            "charge": charge["id"],
            "code": code,
            "message": "Your card was declined.",
            "type": "card_error",
        }
        if decline_code is not None:
            error["decline_code"] = decline_code
        intent["status"], intent["payment_method"] = "requires_payment_method", None
        intent["last_payment_error"] = {
            "decline_code": None, **error, "payment_method": {"id": method["id"], "object": "payment_method"}
        }  # fmt: skip
        self._books.tell("payment_intent.payment_failed", intent)
        more = {name: value for name, value in error.items() if name not in ("code", "message", "type")}
        return ApiError(402, error["message"], kind="card_error", code=code, payment_intent=intent, **more)

    def _authorise(self, intent: Params, method: Params, *, authenticated: bool) -> None:
        self._charge(intent, method, authenticated=authenticated, status="succeeded")
        intent["status"], intent["amount_capturable"] = "requires_capture", intent["amount"]
        if intent["setup_future_usage"] and intent["customer"]:
            method["customer"], method["_kept"] = intent["customer"], True
        self._books.tell("payment_intent.amount_capturable_updated", intent)

    def capture(self, intent: Params, params: Params) -> None:
        """Take the money. Raises ApiError."""
        if intent["status"] != "requires_capture":
            raise unexpected_state(intent, "captured")
        amount = whole(params, "amount_to_capture") if "amount_to_capture" in params else intent["amount_capturable"]
        if not 0 < amount <= intent["amount_capturable"]:
            raise invalid(
                "The amount is greater than the amount capturable", code="amount_too_large", param="amount_to_capture"
            )
        charge = self._books.objects[intent["latest_charge"]]
        booked = self._books.book(
            intent["_account"], "charge", "charge", amount, fee=fee_of(amount), source=charge["id"]
        )
        charge.update(captured=True, amount_captured=amount, balance_transaction=booked["id"])
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        self._books.tell("payment_intent.succeeded", intent)
        card = CARDS[self._books.objects[charge["payment_method"]]["_card"]]
        if card.dispute is not None:
            self.dispute(charge, card.dispute)

    def cancel(self, intent: Params) -> None:
        """Let go of the money. Raises ApiError."""
        session = self._books.get(intent["_session"] or "")
        if intent["status"] not in _CANCELLABLE or (session is not None and session["status"] == "open"):
            raise unexpected_state(intent, "canceled")
        intent.update(status="canceled", amount_capturable=0, canceled_at=now_s(), next_action=None)
        self._books.tell("payment_intent.canceled", intent)

    def dispute(self, charge: Params, reason: str) -> Params:
        """The payer complains at the bank: the money is taken back, with a fee."""
        made = self._books.add(
            "du",
            charge["_account"],
            amount=charge["amount_captured"],
            balance_transactions=[],
            charge=charge["id"],
            currency=charge["currency"],
            evidence_details={"due_by": now_s() + 7 * 86400, "has_evidence": False, "past_due": False},
            is_charge_refundable=False,
            payment_intent=charge["payment_intent"],
            reason=reason,
            status="needs_response",
        )
        booked = self._books.book(
            charge["_account"], "adjustment", "dispute", -made["amount"], fee=_DISPUTE_FEE, source=made["id"]
        )
        made["balance_transactions"].append(booked)
        charge["disputed"] = True
        self._books.tell("charge.dispute.created", made)
        return made

    def move_dispute(self, dispute: Params, status: str) -> None:
        """under_review, won or lost."""
        dispute["status"] = status
        if status == "won":
            booked = self._books.book(
                dispute["_account"], "adjustment", "dispute_reversal", dispute["amount"], fee=0, source=dispute["id"]
            )
            dispute["balance_transactions"].append(booked)
        closed = status in ("won", "lost")
        self._books.tell("charge.dispute.closed" if closed else "charge.dispute.updated", dispute)
