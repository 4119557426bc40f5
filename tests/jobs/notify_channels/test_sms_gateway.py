"""The text channel against a gateway over real HTTP that keeps to docs/sms-gateway.md."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import uvicorn

from common import clock
from common.errors import PermanentProviderError, TransientProviderError
from common.ids import uuid7
from common.settings import SettingsError, load
from services.notify.channels.opening import open_text_channel
from services.notify.channels.protocol import Accepted, OutgoingText
from services.notify.channels.settings import ChannelSettings
from services.notify.channels.sms_http import HttpTextChannel

Reply = tuple[int, dict[str, str], bytes]


class Gateway:
    """Takes texts once for each id. `special`: what a recipient's number makes it answer instead."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, str]] = {}
        self.requests: list[dict[str, Any]] = []
        self.special: dict[str, Callable[[], Reply] | str] = {}
        self.busy = self.most_busy = 0
        self.port = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            status, extra, answer = await self._answer(scope["method"], scope["path"], headers, body)
        finally:
            self.busy -= 1
        extra = {"content-type": "application/json", "content-length": str(len(answer)), **extra}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in extra.items()],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if headers.get("authorization") != "Bearer secret":
            return 401, {}, b"{}"
        if method == "GET":
            name = path.rpartition("/")[2]
            if name in self.special:
                return await self._special(name)
            found = name in self.texts
            return (200, {}, b'{"id":"ref-%s","status":"accepted"}' % name.encode()) if found else (404, {}, b"{}")
        text = json.loads(body)
        self.requests.append({**text, "key": headers.get("idempotency-key"), "path": path})
        if text["to"] in self.special:
            if self.special[text["to"]] == "take and hang":
                self.texts[text["id"]] = text
            return await self._special(text["to"])
        status = 200 if text["id"] in self.texts else 202
        self.texts[text["id"]] = text
        return status, {}, json.dumps({"id": f"ref-{text['id']}"}).encode()

    async def _special(self, name: str) -> Reply:
        special = self.special[name]
        if isinstance(special, str):
            await asyncio.sleep(0.05 if special == "dawdle" else 60)
            return 202, {}, b'{"id":"late"}'
        return special()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    made.port = listening.getsockname()[1]
    config = uvicorn.Config(made, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))  # without uvicorn's own signal handlers
    async with asyncio.timeout(30):
        while not server.started:
            await asyncio.sleep(0.005)
    yield made
    server.should_exit = server.force_exit = True
    await serving
    listening.close()


def _channel(
    gateway: Gateway, *, key: str = "secret", connections: int = 8, timeout_s: float = 30.0
) -> HttpTextChannel:
    return HttpTextChannel(
        f"http://127.0.0.1:{gateway.port}/gateway", key, connections=connections, timeout_s=timeout_s
    )


def _text(to: str = "447700900001", message_id: UUID | None = None) -> OutgoingText:
    return OutgoingText(message_id or uuid7(), to, "PERMITS", "Zoë, your permit is ready 🎉")


async def test_text_is_taken_and_its_reference_kept(gateway: Gateway) -> None:
    channel = _channel(gateway)
    text = _text()
    assert await channel.send_many([text]) == [Accepted(f"ref-{text.id}")]
    await channel.close()
    assert gateway.requests == [
        {"id": str(text.id), "to": text.to, "from": text.sender, "text": text.text, "key": str(text.id),
         "path": "/gateway/messages"}
    ]  # fmt: skip


async def test_same_text_again_gives_the_same_reference_and_no_second_text(gateway: Gateway) -> None:
    channel = _channel(gateway)
    text = _text()
    first, second = await channel.send_many([text]), await channel.send_many([text])
    await channel.close()
    assert first == second
    assert len(gateway.texts) == 1


def _says(status: int, body: bytes = b"", **headers: str) -> Callable[[], Reply]:
    return lambda: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("answer", "kind", "facts"),
    [
        (_says(422, b'{"code":"invalid-recipient"}'), PermanentProviderError,
         {"recipient_fault": True, "reason": "422 invalid-recipient"}),
        (_says(400, b'{"code":"invalid-sender"}'), PermanentProviderError,
         {"recipient_fault": False, "reason": "400 invalid-sender"}),
        (_says(422, b'{"code":"447700900001 is bad"}'), PermanentProviderError,
         {"recipient_fault": False, "reason": "422 declined"}),
        (_says(400, b"<html>"), PermanentProviderError, {"reason": "400 declined"}),
        (_says(409, b"{}"), PermanentProviderError, {"recipient_fault": False}),
        (_says(401), TransientProviderError, {"provider_down": True, "sent_unknown": False}),
        (_says(403), TransientProviderError, {"provider_down": True}),
        (_says(404), TransientProviderError, {"provider_down": True}),
        (_says(302, location="http://127.0.0.1:1/"), TransientProviderError, {"provider_down": True}),
        (_says(429, retry_after="7"), TransientProviderError, {"retry_after_s": 7.0, "provider_down": False}),
        (_says(429), TransientProviderError, {"retry_after_s": None}),
        (_says(503, retry_after="999999"), TransientProviderError, {"retry_after_s": 3600.0}),
        (_says(503, retry_after="soon"), TransientProviderError, {"retry_after_s": None, "sent_unknown": False}),
        (_says(500), TransientProviderError, {"sent_unknown": False, "reason": "500"}),
        (_says(504), TransientProviderError, {"sent_unknown": True}),
        (_says(202, b"<html>"), TransientProviderError, {"sent_unknown": True}),
        (_says(202, b'{"id":""}'), TransientProviderError, {"sent_unknown": True}),
    ],
)  # fmt: skip
async def test_each_answer_has_its_meaning(
    gateway: Gateway, answer: Callable[[], Reply], kind: type, facts: dict[str, object]
) -> None:
    gateway.special["447700900999"] = answer
    channel = _channel(gateway)
    good = _text()
    outcome, other = await channel.send_many([_text("447700900999"), good])
    await channel.close()
    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in facts} == facts
    assert other == Accepted(f"ref-{good.id}")


async def test_retry_after_may_be_a_date(gateway: Gateway) -> None:
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    later = moment + timedelta(seconds=90)
    gateway.special["447700900999"] = _says(429, retry_after=f"{later:%a, %d %b %Y %H:%M:%S} GMT")
    channel = _channel(gateway)
    with clock.frozen(moment):
        [outcome] = await channel.send_many([_text("447700900999")])
    await channel.close()
    assert isinstance(outcome, TransientProviderError)
    assert outcome.retry_after_s == 90.0


async def test_silence_leaves_the_outcome_unknown_and_asking_settles_it(gateway: Gateway) -> None:
    gateway.special = {"447700900998": "take and hang", "447700900999": "hang"}
    impatient, patient = _channel(gateway, timeout_s=1.0), _channel(gateway)
    taken, lost = _text("447700900998"), _text("447700900999")
    for outcome in await impatient.send_many([taken, lost]):
        assert isinstance(outcome, TransientProviderError)
        assert outcome.sent_unknown
    assert await patient.ask(taken.id) == f"ref-{taken.id}"
    assert await patient.ask(lost.id) is None
    await impatient.close()
    await patient.close()


async def test_texts_wait_for_a_free_connection(gateway: Gateway) -> None:
    gateway.special["447700900999"] = "dawdle"
    channel = _channel(gateway, connections=3)
    batches = await asyncio.gather(*(channel.send_many([_text("447700900999")] * 3) for _ in range(4)))
    await channel.close()
    assert batches == [[Accepted("late")] * 3] * 4
    assert gateway.most_busy <= 3


async def test_text_that_found_no_connection_in_time_was_not_sent(gateway: Gateway) -> None:
    channel = _channel(gateway, connections=1, timeout_s=0.3)
    # the one connection is held here: a text that hung would let go of it at the very moment the second gives up
    async with channel._free:
        [outcome] = await channel.send_many([_text()])
    await channel.close()
    assert isinstance(outcome, TransientProviderError)
    assert (outcome.sent_unknown, outcome.reason) == (False, "not begun in time")
    assert gateway.requests == []


async def test_gateway_that_is_not_there_is_the_providers_fault(gateway: Gateway) -> None:
    unused = socket.socket()
    unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses
    channel = HttpTextChannel(f"http://127.0.0.1:{unused.getsockname()[1]}", "secret")
    [outcome] = await channel.send_many([_text()])
    assert isinstance(outcome, TransientProviderError)
    assert (outcome.provider_down, outcome.sent_unknown) == (True, False)
    with pytest.raises(TransientProviderError):
        await channel.ask(uuid7())
    await channel.close()
    unused.close()


async def test_asking_with_a_wrong_key_never_says_unseen(gateway: Gateway) -> None:
    channel = _channel(gateway, key="wrong")
    with pytest.raises(TransientProviderError) as refused:
        await channel.ask(uuid7())
    await channel.close()
    assert refused.value.provider_down


@pytest.mark.parametrize("answer", [_says(500), _says(429, retry_after="3"), _says(200, b"<html>"), "hang"])
async def test_asking_in_vain_is_transient(gateway: Gateway, answer: Callable[[], Reply] | str) -> None:
    message_id = uuid7()
    gateway.special[str(message_id)] = answer
    channel = _channel(gateway, timeout_s=0.5)
    with pytest.raises(TransientProviderError):
        await channel.ask(message_id)
    await channel.close()


async def test_more_than_a_chunk_of_texts_is_refused_whole(gateway: Gateway) -> None:
    channel = _channel(gateway, connections=2)
    with pytest.raises(ValueError, match="at most 2"):
        await channel.send_many([_text()] * 3)
    await channel.close()
    assert gateway.requests == []


def test_settings_name_every_fault_and_show_no_secret() -> None:
    with pytest.raises(SettingsError) as missing:
        open_text_channel(ChannelSettings())
    assert len(missing.value.faults) == 2
    with pytest.raises(SettingsError) as wrong:
        load(
            ChannelSettings,
            {"SMTP_TLS": "maybe", "SMTP_PORT": "0", "SMS_GATEWAY_KEY": "sec ret", "SMTP_EHLO_NAME": "a b"},
        )
    assert sorted(fault.split(":")[0] for fault in wrong.value.faults) == [
        "SMS_GATEWAY_KEY", "SMTP_EHLO_NAME", "SMTP_PORT", "SMTP_TLS",
    ]  # fmt: skip
    assert "sec ret" not in str(wrong.value)


async def test_channel_of_the_settings_is_bounded_and_declares_receipts(gateway: Gateway) -> None:
    settings = load(
        ChannelSettings,
        {
            "SMS_GATEWAY_URL": f"http://127.0.0.1:{gateway.port}",
            "SMS_GATEWAY_KEY": "secret",
            "SMS_GATEWAY_CONNECTIONS": "4",
        },
    )
    channel = open_text_channel(settings)
    assert (channel.chunk, channel.reports_receipts) == (4, True)
    assert isinstance((await channel.send_many([_text()]))[0], Accepted)
    await channel.close()
