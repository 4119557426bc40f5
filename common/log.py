"""Logging: structlog throughout, JSON for machines or lines for people, and never personal data.

What the standard library's loggers say goes the same way. Every line passes `redact`; dropped levels cost one attribute
look-up, since structlog replaces their methods by ones that do nothing.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
import structlog

from common.http.trace import current_trace
from common.settings import CommonSettings

Event = MutableMapping[str, Any]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# they write arguments, addresses with query strings, or a line for each call at INFO
_QUIET = ("arq", "httpx", "httpcore", "uvicorn.access", "aiosmtplib", "mail.log", "asyncio", "alembic")

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_HIDE = re.compile(
    rf"""
    (?P<api_key>   [\w.\-]{{0,255}}{_UUID}-{_UUID} )
  | (?P<uuid>      (?<![\w-]){_UUID}(?![\w-]) )
  | (?P<bearer>    \b(?:Bearer|Basic)\s+[\w.~+/=\-]+ )
  | (?P<jwt>       \beyJ[\w-]{{5,}}\.[\w-]+(?:\.[\w-]*)? )
  | (?P<password>  (?<=://)[^\s:/@]*:[^\s@]+(?=@) )
  | (?P<email>     [^\s<>()\[\]"',;:=`]{{1,320}}@[^\s<>()\[\]"',;:=`@]+ )
  | (?P<secret>    (?<![\w+/=])[A-Za-z0-9+/_\-]{{43}}=(?![\w+/=]) )
  | (?P<moment>    \b\d{{4}}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)? )
  | (?P<phone>     (?<![\w.\-])(?:\+|\(|00)?\(?\d(?:[\s().\-/]{{0,3}}\d){{8,17}}(?!\w) )
    """,
    re.VERBOSE,
)
_KEPT = frozenset({"uuid", "moment"})
_HIDDEN_FIELDS = frozenset(
    [
        "authorization",
        "authorisation",
        "password",
        "secret",
        "token",
        "api_key",
        "recipient",
        "to",
        "email",
        "email_address",
        "phone",
        "phone_number",
        "personalisation",
        "body",
        "headers",
        "cookie",
    ]
)
_SMALLEST_PHONE, _LARGEST_PHONE = 10**9, 10**15


def _hide(found: re.Match[str]) -> str:
    name = found.lastgroup or "hidden"
    return found[0] if name in _KEPT else f"[{name}]"


def mask(text: str) -> str:
    """The text with e-mail addresses, phone-like numbers, tokens, keys and passwords replaced by their kind."""
    return _HIDE.sub(_hide, text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return "[phone]" if _SMALLEST_PHONE <= value < _LARGEST_PHONE else value
    if isinstance(value, Mapping):
        return {str(name): "[hidden]" if _is_hidden(name) else _masked(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(inner) for inner in value]
    return mask(str(value))


def _is_hidden(name: object) -> bool:
    return str(name).lower().replace("-", "_") in _HIDDEN_FIELDS


def redact(_logger: Any, _method: str, event: Event) -> Event:
    """structlog processor: mask every value of an event, whatever its shape."""
    return {name: "[hidden]" if _is_hidden(name) else _masked(value) for name, value in event.items()}


def _stamp(_logger: Any, method: str, event: Event) -> Event:
    """Add what we make ourselves, after redaction: time, level, trace and span."""
    stamped: Event = {"at": _now(), "level": event.pop("level", method), **event}
    if trace := current_trace():
        stamped["trace_id"], stamped["request_id"] = trace[3:35], trace[36:52]
    return stamped


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_json(_logger: Any, _method: str, event: Event) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _as_text(_logger: Any, _method: str, event: Event) -> str:
    at, level, text = event.pop("at"), event.pop("level"), event.pop("event", "")
    trace_back = event.pop("exception", "")
    facts = " ".join(f"{name}={_one_word(value)}" for name, value in event.items())
    line = f"{at[11:23]} {level:<7} {text} {facts}".rstrip()
    return f"{line}\n{trace_back}" if trace_back else line


def _one_word(value: Any) -> str:
    text = str(value)
    return repr(text) if not text or any(c.isspace() for c in text) else text


class _FromStdlib(logging.Handler):
    """Hands records of the standard library's loggers to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
            )
        except Exception:  # a line that cannot be formatted must not stop the program
            self.handleError(record)


def configure(settings: CommonSettings, stream: TextIO | None = None) -> None:
    """Set up logging for a program. stream: where lines go, standard output unless told (tests)."""
    out = stream or sys.stdout
    least = _LEVELS[settings.log_level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            redact,
            _stamp,
            _as_json if settings.log_format == "json" else _as_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=stream is None,
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromStdlib()]
    root.setLevel(least)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))


class AccessLog:
    """One line a request, written past structlog: every field is ours and holds no personal data, so none is redacted.

    Lines are gathered and written together, at most `_GATHER_S` later: a write a request would cost a tenth of it.
    """

    _GATHER_S = 0.1
    _MOST_LINES = 256

    def __init__(self, settings: CommonSettings, stream: TextIO | None = None) -> None:
        self.is_on = _LEVELS[settings.log_level] <= _LEVELS["info"]
        self._out = stream or sys.stdout
        self._json = settings.log_format == "json"
        self._lines: list[str] = []
        self._encode = msgspec.json.Encoder(enc_hook=str).encode
        self._later: Callable[[float, Callable[[], None]], object] | None = None
        self._is_due = False
        self._second, self._second_text = 0, ""

    def use_timer(self, call_later: Callable[[float, Callable[[], None]], object] | None) -> None:
        """Give the loop's call_later while the loop runs; None writes each line at once."""
        self._later = call_later

    def note(
        self,
        method: str,
        route: str,
        status: int,
        *,
        at_s: float,
        took_s: float,
        trace: str,
        who: Mapping[str, str] | None,
    ) -> None:
        """Log a request. at_s: seconds since 1970; trace: its traceparent; who: ids of the caller."""
        second = int(at_s)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        line: dict[str, Any] = {
            "at": f"{self._second_text}.{int((at_s - second) * 1000):03d}Z",
            "level": "info",
            "event": "request",
            "method": method,
            "route": route,
            "status": status,
            "ms": round(took_s * 1000, 2),
            "trace_id": trace[3:35],
            "request_id": trace[36:52],
        }
        if who:
            line.update(who)
        self._lines.append(self._encode(line).decode() if self._json else _as_text(None, "", line))
        if self._later is None or len(self._lines) >= self._MOST_LINES:
            self.flush()
        elif not self._is_due:
            self._is_due = True
            self._later(self._GATHER_S, self.flush)

    def flush(self) -> None:
        self._is_due = False
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            self._out.write(text)
            self._out.flush()
