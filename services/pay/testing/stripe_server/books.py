"""The fake's objects, events and movements of money."""

from __future__ import annotations

import secrets
from typing import Any, Final

from common import clock
from services.pay.testing.stripe_server.wire import Params, missing

API_VERSION: Final = "2026-10-28.endive"
_WHAT: Final = {
    "pi": "payment_intent",
    "ch": "charge",
    "cs": "checkout.session",
    "cus": "customer",
    "pm": "payment_method",
    "re": "refund",
    "du": "dispute",
    "po": "payout",
    "txn": "balance_transaction",
}


def now_s() -> int:
    """Whole seconds since 1970."""
    return int(clock.epoch_s())


class Books:
    """Everything the fake knows. account "" = the platform's own."""

    def __init__(self) -> None:
        self.objects: dict[str, Params] = {}
        self.events: list[Params] = []
        self._count = 0
        self.searchable = True
        self._hidden: set[str] = set()

    def add(self, prefix: str, account: str, **fields: Any) -> Params:
        """A new object with its id, kind and time of creation."""
        self._count += 1
        name = f"{prefix}_{'test_' if prefix == 'cs' else ''}{secrets.token_hex(12)}"
        made = {
            "id": name,
            "object": _WHAT[prefix],
            "created": now_s(),
            "livemode": False,
            "metadata": {},
            **fields,
            "_account": account,
            "_order": self._count,
        }
        self.objects[name] = made
        if not self.searchable:
            self._hidden.add(name)
        return made

    def get(self, name: str) -> Params | None:
        """Any object by its id."""
        return self.objects.get(name)

    def need(self, prefix: str, name: str, account: str, *, param: str = "intent") -> Params:
        """An account's object. Raises ApiError."""
        found = self.objects.get(name)
        if found is None or not name.startswith(f"{prefix}_") or found["_account"] != account or found.get("deleted"):
            raise missing(_WHAT[prefix], name, param)
        return found

    def all(self, prefix: str, account: str) -> list[Params]:
        """All objects of a kind, oldest first."""
        return [
            found
            for name, found in self.objects.items()
            if name.startswith(f"{prefix}_") and found["_account"] == account
        ]

    def index(self) -> None:
        """Let the search find everything there is."""
        self._hidden.clear()

    def is_indexed(self, name: str) -> bool:
        """Whether the search finds it by now."""
        return name not in self._hidden

    def tell(self, kind: str, about: Params) -> None:
        """Make an event; `about` is shown as it is now."""
        event: Params = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "api_version": API_VERSION,
            "created": now_s(),
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            "data": {"object": _copy(about)},
        }
        if about["_account"]:
            event["account"] = about["_account"]
        self.events.append(event)

    def book(self, account: str, kind: str, category: str, amount: int, *, fee: int, source: str) -> Params:
        """A movement on the balance."""
        return self.add(
            "txn",
            account,
            amount=amount,
            fee=fee,
            net=amount - fee,
            currency="gbp",
            type=kind,
            reporting_category=category,
            source=source,
            available_on=now_s(),
            balance_type="payments",
            description=None,
            exchange_rate=None,
            fee_details=[],
            status="available",
            _payout=None,
        )


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items() if not name.startswith("_")}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
