"""Which trace the running request or job belongs to (W3C Trace Context, level 1).

A trace is carried as a `traceparent`: `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`. It enters with a request
(or begins there), stands in every log line, goes into queue rows and leaves with calls to other components.
"""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

_SHAPE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
_HEX_A_TRACE = 48  # 32 for the trace, 16 for the span
_TRACES_A_BLOCK = 256

_pool = ""
_at = 0
_current: ContextVar[str] = ContextVar("traceparent", default="")


def _random_hex() -> str:
    # drawn in blocks: one urandom call a request would cost more than all the rest of this module
    global _pool, _at
    if _at >= len(_pool):
        _pool, _at = os.urandom(_HEX_A_TRACE // 2 * _TRACES_A_BLOCK).hex(), 0
    drawn = _pool[_at : _at + _HEX_A_TRACE]
    _at += _HEX_A_TRACE
    return drawn


def begin_trace(incoming: str = "") -> str:
    """Enter a new span and give its traceparent: of the caller's trace if `incoming` is well formed, else of a new one.

    A new trace is marked as not sampled, since we record no spans ourselves; the caller's mark is kept.
    """
    drawn = _random_hex()
    if incoming and len(incoming) <= 256 and (found := _SHAPE.fullmatch(incoming)):
        flags = "01" if int(found[2], 16) & 1 else "00"
        trace = f"00-{found[1]}-{drawn[32:]}-{flags}"
    else:
        trace = f"00-{drawn[:32]}-{drawn[32:]}-00"
    _current.set(trace)
    return trace


def current_trace() -> str:
    """The traceparent of what runs now; "" outside any request or job."""
    return _current.get()


def current_trace_id() -> str:
    """The 32 hex digits that a caller may quote to find a request in the logs; "" outside any request or job."""
    return _current.get()[3:35]
