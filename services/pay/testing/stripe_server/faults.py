"""What the fake Stripe is told to do wrong, and what it remembers under each Idempotency-Key."""

from __future__ import annotations

import threading
from typing import Final, Literal

import msgspec

from services.pay.testing.stripe_server.wire import ApiError, Params

FaultKind = Literal["hang-before", "hang-after", "drop-before", "drop-after", "500-before", "500-after", "429", "401"]
_KINDS: Final = frozenset(FaultKind.__args__)  # type: ignore[attr-defined]


class Fault(msgspec.Struct):
    """The next `left` calls of an operation go wrong in one way."""

    operation: str
    kind: str
    left: int


class Faults:
    """The faults that wait.

    hang: no answer until the server stops. drop: the connection breaks in the middle of the answer. before, after:
    whether the work is done.
    """

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, operation: str, kind: FaultKind, *, times: int = 1) -> None:
        """operation: a name of routes.ROUTES, such as `capture`, or `any`. Raises ValueError."""
        if kind not in _KINDS:
            raise ValueError(f"{kind}: no such fault")
        with self._lock:
            self._waiting.append(Fault(operation, kind, times))

    def take(self, operation: str) -> str | None:
        """The fault that strikes now."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation in (operation, "any"):
                    fault.left -= 1
                    if fault.left <= 0:
                        self._waiting.remove(fault)
                    return fault.kind
        return None


class Answer(msgspec.Struct, frozen=True):
    """What was answered. asked: method, path and parameters."""

    asked: str
    status: int
    body: Params


class Keys:
    """Answers by account and Idempotency-Key, and the keys in hand."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], Answer] = {}
        self._in_hand: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def begin(self, account: str, key: str, asked: str) -> Answer | None:
        """The answer of an earlier call. Raises ApiError if the key is in hand or was used for something else."""
        with self._lock:
            name = (account, key)
            answer = self._answers.get(name)
            if answer is not None and answer.asked != asked:
                message = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                raise ApiError(400, message, kind="idempotency_error", is_kept=False)
            if answer is None:
                if name in self._in_hand:
                    message = "There is currently another in-progress request using this Idempotent Key."
                    raise ApiError(409, message, kind="idempotency_error", code="idempotency_key_in_use", is_kept=False)
                self._in_hand.add(name)
            return answer

    def end(self, account: str, key: str, answer: Answer | None) -> None:
        """Keep the answer, or forget that the key was used."""
        with self._lock:
            self._in_hand.discard((account, key))
            if answer is not None:
                self._answers[(account, key)] = answer

    def forget(self) -> None:
        """A day later."""
        with self._lock:
            self._answers.clear()
