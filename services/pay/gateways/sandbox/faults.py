"""Faults on demand: what tests, and whoever tries recovery by hand, let the sandbox do wrong."""

from __future__ import annotations

import os
import re
import signal
from typing import Final, Literal

import msgspec

from common.errors import TransientProviderError

Moment = Literal["before", "after"]
FaultKind = Literal["timeout-before", "timeout-after", "error-before", "kill-before", "kill-after"]

_RULE: Final = re.compile(r"([a-z_]+):([a-z-]+)(?:\*(\d+))?")


class Fault(msgspec.Struct):
    """The next `left` calls of an operation go wrong in one way."""

    operation: str
    kind: FaultKind
    left: int = 1


class Faults:
    """The faults that wait. Empty: the sandbox works.

    timeout-before: no answer, nothing done. timeout-after: done, and no answer. error-before: refused as overloaded.
    kill-before, kill-after: this process is killed, as by a power cut.
    """

    def __init__(self, script: str = "") -> None:
        """script: rules like `capture:timeout-after*2 refund:kill-before`. Raises ValueError."""
        self._waiting: list[Fault] = []
        for rule in script.split():
            found = _RULE.fullmatch(rule)
            if found is None:
                raise ValueError(f"{rule}: must read operation:fault or operation:fault*times")
            self.add(*found.group(1, 2), times=int(found[3] or 1))

    def add(self, operation: str, kind: str, *, times: int = 1) -> None:
        """Let the next calls of an operation go wrong. Raises ValueError for a fault that does not exist."""
        try:
            self._waiting.append(msgspec.convert({"operation": operation, "kind": kind, "left": times}, Fault))
        except msgspec.ValidationError:
            raise ValueError(f"{kind}: no such fault") from None

    def strike(self, operation: str, moment: Moment) -> None:
        """Called at both ends of every operation. Raises TransientProviderError when it is to go wrong here."""
        for fault in self._waiting:
            if fault.operation == operation and fault.kind.endswith(moment):
                break
        else:
            return
        fault.left -= 1
        if fault.left <= 0:
            self._waiting.remove(fault)
        if fault.kind.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.kind == "error-before":
            raise TransientProviderError("503", provider_down=True)
        raise TransientProviderError("timeout", sent_unknown=True)
