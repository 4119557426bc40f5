from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from common.http.settings import ServerSettings
from common.log import configure, mask

_UUID = "019c2f3e-1234-7abc-8def-0123456789ab"


def _settings(**changed: str) -> ServerSettings:
    return ServerSettings(database_url="postgres://x", redis_url="redis://x", keys="{}", **changed)  # type: ignore[arg-type]


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(_settings(), stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("to jane.o'neil+x@example.gov.uk now", "to jane.o'[email] now"),
        ("<a@b.example>", "<[email]>"),
        ("call +44 7700 900123 now", "call [phone] now"),
        ("call 07700900123, now", "call [phone], now"),
        ("call (020) 7946-0018", "call [phone]"),
        ("call 0044 (0)7700 900 123.", "call [phone]."),
        ("Authorization: Bearer abc.def-1", "Authorization: [bearer]"),
        (f"key live-{_UUID}-{_UUID} bad", "key [api_key] bad"),
        ("token eyJhbGciOiJI.eyJpc3MiOiIx.c2lnbmF0dXJl", "token [jwt]"),
        ("postgres://user:pass@host/db", "postgres://[password]@host/db"),
        ("key 3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "key [secret]"),
    ],
)
def test_personal_data_and_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        f"message {_UUID} sent",
        "01234567-8901-7234-8567-890123456789",
        "0af7651916cd43dd8448eb211c80319c",
        "2026-11-23T12:35:00.123456Z",
        "2026-11-23 12:35:00",
        "port 8001, 250000 left, 12.5 ms",
        "template version 12 of 200",
    ],
)
def test_identifiers_moments_and_small_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_every_shape_of_value_is_masked(out: io.StringIO) -> None:
    structlog.get_logger().info(
        "sent to a@b.example",
        number=447700900123,
        left=250_000,
        nested={"x": ["07700 900123", {"recipient": "Jane"}]},
        password="hunter2",
    )
    line = json.loads(out.getvalue())
    assert line["event"] == "sent to [email]"
    assert (line["number"], line["left"]) == ("[phone]", 250_000)
    assert line["nested"] == {"x": ["[phone]", {"recipient": "[hidden]"}]}
    assert line["password"] == "[hidden]"


def test_tracebacks_are_masked(out: io.StringIO) -> None:
    try:
        raise ValueError("no mailbox a@b.example")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "no mailbox [email]" in json.loads(out.getvalue())["exception"]


def test_standard_library_goes_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("some.library").warning("bad address %s", "a@b.example")
    line = json.loads(out.getvalue())
    assert (line["event"], line["logger"], line["level"]) == ("bad address [email]", "some.library", "warning")


@pytest.mark.parametrize("name", ["httpx", "arq.worker", "uvicorn.access"])
def test_talkative_libraries_say_nothing_below_warning(out: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("GET http://x/?email=a@b.example")
    assert out.getvalue() == ""


def test_levels_below_the_least_are_dropped() -> None:
    stream = io.StringIO()
    configure(_settings(log_level="error"), stream)
    structlog.get_logger().warning("not shown")
    structlog.reset_defaults()
    assert stream.getvalue() == ""


def test_text_keeps_an_event_on_one_line() -> None:
    stream = io.StringIO()
    configure(_settings(log_format="text"), stream)
    structlog.get_logger().info("said", what="one\ntwo")
    structlog.reset_defaults()
    assert stream.getvalue().count("\n") == 1
