"""Refunds and payouts of the fake."""

from __future__ import annotations

from services.pay.testing.stripe_server.books import Books, now_s
from services.pay.testing.stripe_server.cards import CARDS
from services.pay.testing.stripe_server.wire import ApiError, Params, invalid, whole

_DAY_S = 86400


def refund(books: Books, intent: Params, params: Params) -> Params:
    """Give money back. Raises ApiError for more than is left, a dispute, or nothing captured."""
    if intent["status"] != "succeeded":
        raise invalid("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    charge = books.objects[intent["latest_charge"]]
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = whole(params, "amount") if "amount" in params else left
    if charge["disputed"]:
        raise ApiError(400, "Charge has been charged back.", code="charge_disputed")
    if left <= 0:
        raise ApiError(400, "Charge has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise ApiError(400, "Refund amount is greater than unrefunded amount on charge", param="amount")
    fate = CARDS[books.objects[charge["payment_method"]]["_card"]].refund
    made = books.add(
        "re",
        intent["_account"],
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=intent["currency"],
        payment_intent=intent["id"],
        metadata=dict(params.get("metadata", {})),
        reason=None,
        status="pending" if fate == "pending" else "succeeded",
        _fate=fate,
    )
    booked = books.book(intent["_account"], "refund", "refund", -amount, fee=0, source=made["id"])
    made["balance_transaction"] = booked["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    books.tell("refund.created", made)
    return made


def finish_refunds(books: Books) -> None:
    """What takes days at a bank: pending refunds succeed, those of the failing card fail."""
    for made in [found for name, found in books.objects.items() if name.startswith("re_")]:
        if made["_fate"] == "pending" and made["status"] == "pending":
            made["status"] = "succeeded"
            books.tell("refund.updated", made)
        elif made["_fate"] == "failed" and made["status"] == "succeeded":
            made["status"] = "failed"
            charge = books.objects[made["charge"]]
            charge["amount_refunded"] -= made["amount"]
            charge["refunded"] = False
            books.book(made["_account"], "refund_failure", "refund_failure", made["amount"], fee=0, source=made["id"])
            books.tell("refund.failed", made)


def pay_out(books: Books, account: str) -> Params | None:
    """Send the balance to the bank; None if there is nothing to send."""
    held = [booked for booked in books.all("txn", account) if booked["_payout"] is None]
    total = sum(booked["net"] for booked in held)
    if total <= 0:
        return None
    made = books.add(
        "po",
        account,
        amount=total,
        arrival_date=(now_s() // _DAY_S + 1) * _DAY_S,
        automatic=True,
        balance_transaction=None,
        currency="gbp",
        description="STRIPE PAYOUT",
        method="standard",
        status="paid",
        type="bank_account",
    )
    booked = books.book(account, "payout", "payout", -total, fee=0, source=made["id"])
    made["balance_transaction"] = booked["id"]
    for movement in [*held, booked]:
        movement["_payout"] = made["id"]
    books.tell("payout.created", made)
    books.tell("payout.paid", made)
    return made
