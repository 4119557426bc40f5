"""The conversation with a relay, reply by reply: what is pipelined, and what each reply does to each message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from common.errors import PermanentProviderError, TransientProviderError
from services.notify.channels.protocol import Accepted


def _after_dot(session: Any) -> int:
    return len(session.messages)


async def test_envelope_goes_in_one_write_and_next_behind_the_final_dot(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        outcomes = await channel.send_many([tools.an_email("a@example.gov"), tools.an_email("b@example.gov")])
    assert outcomes == [Accepted(None), Accepted(None)]
    _ehlo, envelope, body_and_envelope, body = relay.sessions[0].chunks[:4]
    bounces = b"MAIL FROM:<bounces@notify.example.gov>\r\n"
    assert envelope == bounces + b"RCPT TO:<a@example.gov>\r\nDATA\r\n"
    assert body_and_envelope.endswith(b"\r\n.\r\n" + bounces + b"RCPT TO:<b@example.gov>\r\nDATA\r\n")
    assert body.startswith(b"From:")
    assert body.endswith(b"Hello\r\n.\r\n")


@pytest.mark.parametrize(("offered", "depth"), [(False, 10), (True, 1)])
async def test_one_command_at_a_time_where_pipelining_is_not_to_be_had(tools: Any, offered: bool, depth: int) -> None:
    async with (
        tools.bare_relay(pipelining=offered) as relay,
        tools.channel_to(relay.port, depth=depth, connections=2) as channel,
    ):
        outcomes = await channel.send_many([tools.an_email(), tools.an_email()])
    assert outcomes == [Accepted(None)] * 2
    commands = [chunk for session in relay.sessions for chunk in session.chunks if not chunk.startswith(b"From:")]
    assert all(chunk.count(b"\r\n") == 1 for chunk in commands)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("data_reply", ["354 go on", "503 5.5.1 no recipients"])
async def test_refused_recipient_leaves_the_others_untouched(tools: Any, pipelining: bool, data_reply: str) -> None:
    def answer(session: Any, line: str) -> str | None:
        if line.startswith("RCPT"):
            session.refused = "nobody" in line
            return "550 5.1.1 <nobody@example.gov> is not here" if session.refused else None
        if line == "DATA" and session.refused:
            return data_reply
        return "554 5.5.1 no valid recipients" if line == "DOT" and session.refused else None

    people = ["a@example.gov", "nobody@example.gov", "b@example.gov", "nobody@example.gov"]
    async with tools.bare_relay(answer, pipelining=pipelining) as relay, tools.channel_to(relay.port) as channel:
        outcomes = await channel.send_many([tools.an_email(person) for person in people])
    assert outcomes[0] == outcomes[2] == Accepted(None)
    for refused in (outcomes[1], outcomes[3]):
        assert isinstance(refused, PermanentProviderError)
        assert refused.recipient_fault
        assert refused.reason == "550 5.1.1"
    assert len(relay.messages) == 2
    assert all(message.startswith(b"From:") for message in relay.messages)
    # A 354 for nobody is answered by a lone dot; a transaction that stays open is taken back.
    if data_reply.startswith("354") and pipelining:
        assert "RSET" not in relay.sessions[0].verbs
    else:
        assert relay.sessions[0].verbs.count("RSET") == 2
    assert len(relay.sessions) == 1


@pytest.mark.parametrize(
    ("verb", "reply", "kind", "facts"),
    [
        ("MAIL", "550 5.7.1 not you", PermanentProviderError, {"recipient_fault": False}),
        ("MAIL", "451 4.3.0 later", TransientProviderError, {"provider_down": False}),
        ("MAIL", "530 5.7.0 authenticate first", TransientProviderError, {"provider_down": True}),
        ("RCPT", "550 5.1.1 unknown", PermanentProviderError, {"recipient_fault": True}),
        ("RCPT", "452 4.2.2 full", TransientProviderError, {"provider_down": False, "sent_unknown": False}),
        ("DATA", "554 5.7.1 spam", PermanentProviderError, {"recipient_fault": False}),
        ("DATA", "451 4.7.1 greylisted", TransientProviderError, {"provider_down": False}),
        ("DOT", "554 5.6.0 content refused", PermanentProviderError, {"recipient_fault": False}),
        ("DOT", "452 4.3.1 disk full", TransientProviderError, {"sent_unknown": False}),
        ("DOT", "421 4.3.2 going down", TransientProviderError, {"provider_down": True, "sent_unknown": False}),
        ("MAIL", "421 4.3.2 going down", TransientProviderError, {"provider_down": True, "sent_unknown": False}),
        ("GREETING", "554 no service", TransientProviderError, {"provider_down": True}),
        ("GREETING", "421 too busy", TransientProviderError, {"provider_down": True}),
        ("GREETING", "close", TransientProviderError, {"provider_down": True}),
        ("RCPT", "close", TransientProviderError, {"provider_down": False, "sent_unknown": False}),
        ("DATA", "close", TransientProviderError, {"sent_unknown": False}),
        ("DOT", "close", TransientProviderError, {"sent_unknown": True}),
        ("RCPT", "nonsense", TransientProviderError, {"sent_unknown": False}),
        ("DOT", "nonsense", TransientProviderError, {"sent_unknown": True}),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
async def test_each_refusal_has_its_meaning(
    tools: Any, verb: str, reply: str, kind: type, facts: dict[str, bool], pipelining: bool
) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return reply if line.startswith(verb) else None

    async with tools.bare_relay(answer, pipelining=pipelining) as relay, tools.channel_to(relay.port) as channel:
        [outcome] = await channel.send_many([tools.an_email()])
    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in facts} == facts
    if reply[0].isdigit():  # code and enhanced code, never the words
        assert outcome.reason == " ".join(word for word in reply.split(" ")[:2] if word[0].isdigit())


@pytest.mark.parametrize(("verb", "unknown"), [("EHLO", False), ("RCPT", False), ("DOT", True)])
async def test_silence_ends_at_the_time_out(tools: Any, verb: str, unknown: bool) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return tools.HANG if line.startswith(verb) else None

    async with (
        tools.bare_relay(answer) as relay,
        # short only for the reply that never comes: on a busy machine the others take their time
        tools.channel_to(relay.port, timeout_s=30.0 if verb == "DOT" else 1.0, final_timeout_s=0.3) as channel,
    ):
        [outcome] = await channel.send_many([tools.an_email()])
    assert isinstance(outcome, TransientProviderError)
    assert outcome.reason.startswith("timeout")
    assert outcome.sent_unknown is unknown
    assert outcome.provider_down is (verb == "EHLO")


async def test_messages_that_no_connection_could_begin_come_back_in_time(tools: Any) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return tools.HANG if line == "DOT" else None

    async with (
        tools.bare_relay(answer) as relay,
        tools.channel_to(relay.port, timeout_s=0.8, final_timeout_s=1.5) as channel,
    ):
        first, second, third = await channel.send_many([tools.an_email() for _ in range(3)])
    assert first.sent_unknown
    assert not second.sent_unknown
    assert third.reason == "not begun in time"


async def test_break_after_the_dot_is_unknown_for_that_message_alone(tools: Any) -> None:
    def answer(session: Any, line: str) -> str | None:
        return tools.CLOSE if line == "DOT" and len(relay.sessions) == 1 and _after_dot(session) == 2 else None

    async with tools.bare_relay(answer) as relay, tools.channel_to(relay.port) as channel:
        messages = [tools.an_email() for _ in range(6)]
        outcomes = await channel.send_many(messages)
    assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True, True, False, True, True, True]
    assert outcomes[2].sent_unknown
    assert not outcomes[2].provider_down
    assert len(relay.messages) == 5


@pytest.mark.parametrize("goodbye", ["421 4.7.0 too many messages", "close"])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_relay_that_limits_messages_per_connection_takes_each_once(
    tools: Any, goodbye: str, pipelining: bool
) -> None:
    def answer(session: Any, line: str) -> str | None:
        return goodbye if line.startswith("MAIL") and _after_dot(session) == 3 else None

    async with (
        tools.bare_relay(answer, pipelining=pipelining) as relay,
        tools.channel_to(relay.port, connections=2) as channel,
    ):
        messages = [tools.an_email() for _ in range(20)]
        outcomes = await channel.send_many(messages)
    assert outcomes == [Accepted(None)] * 20
    subjects = [message.split(b"Subject: ")[1][:36].decode() for message in relay.messages]
    assert sorted(subjects) == sorted(str(message.id) for message in messages)


async def test_relay_that_is_down_is_not_asked_for_every_message(tools: Any) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return "421 4.3.2 down" if line.startswith("MAIL") else None

    async with tools.bare_relay(answer) as relay, tools.channel_to(relay.port, connections=3) as channel:
        outcomes = await channel.send_many([tools.an_email() for _ in range(30)])
    assert all(isinstance(outcome, TransientProviderError) and outcome.provider_down for outcome in outcomes)
    assert len(relay.sessions) <= 3


async def test_connection_that_the_relay_refuses_leaves_its_share_to_the_others(tools: Any) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return "421 4.7.0 too many connections" if line == "GREETING" and len(relay.sessions) > 1 else None

    async with tools.bare_relay(answer) as relay, tools.channel_to(relay.port, connections=4) as channel:
        outcomes = await channel.send_many([tools.an_email() for _ in range(40)])
    assert outcomes == [Accepted(None)] * 40


async def test_refused_connection_is_the_providers_fault(tools: Any) -> None:
    async with tools.bare_relay() as relay:
        port = relay.port
    async with tools.channel_to(port, connections=2) as channel:
        outcomes = await channel.send_many([tools.an_email() for _ in range(5)])
    assert all(isinstance(outcome, TransientProviderError) and outcome.provider_down for outcome in outcomes)
    assert len(outcomes) == 5


async def test_connections_are_kept_and_closed_when_idle(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port, idle_s=0.2) as channel:
        for _ in range(3):
            assert await channel.send_many([tools.an_email()]) == [Accepted(None)]
        assert len(relay.sessions) == 1
        await tools.until(lambda: relay.sessions[0].gone)
        assert relay.sessions[0].verbs[-1] == "QUIT"
        assert await channel.send_many([tools.an_email()]) == [Accepted(None)]
        assert len(relay.sessions) == 2


@pytest.mark.parametrize("goodbye", ["421 4.4.2 idle too long", None])
async def test_idle_connection_that_the_relay_gave_up_costs_no_message(tools: Any, goodbye: str | None) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        await channel.send_many([tools.an_email()])
        if goodbye is not None:
            relay.sessions[0].transport.write(f"{goodbye}\r\n".encode())
        relay.sessions[0].transport.close()  # no pause: we may or may not have heard of it when the next one goes
        assert await channel.send_many([tools.an_email()]) == [Accepted(None)]
        assert len(relay.messages) == 2


async def test_connection_that_speaks_unasked_is_not_used_again(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        await channel.send_many([tools.an_email()])
        relay.sessions[0].transport.write(b"250 2.0.0 one reply too many\r\n")  # would be taken for the next one's
        await tools.until(lambda: relay.sessions[0].gone)
        assert await channel.send_many([tools.an_email()]) == [Accepted(None)]
        assert len(relay.sessions) == 2


async def test_dots_at_line_starts_survive(tools: Any) -> None:
    body = b".\r\n..two\r\nplain\r\n.hidden\r\n"
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        await channel.send_many([tools.an_email(body=body), tools.an_email(body=b"no line end")])
    first, second = relay.messages
    assert first.endswith(b"\r\n\r\n..\r\n...two\r\nplain\r\n..hidden")
    assert second.endswith(b"\r\n\r\nno line end")


@pytest.mark.parametrize("body", [b"a\n.\nMAIL FROM:<x>\r\n", b"a\r.\r\r\n"])
async def test_bare_line_ends_are_refused_before_they_leave(tools: Any, body: bytes) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        bad, good = await channel.send_many([tools.an_email(body=body), tools.an_email()])
    assert isinstance(bad, PermanentProviderError)
    assert isinstance(good, Accepted)
    assert len(relay.messages) == 1


@pytest.mark.parametrize("to", ["a@b.gov>\r\nRCPT TO:<c@d.gov", "a b@c.gov", "a@b.gov,c@d.gov", "nobody", "<a@b.gov>"])
async def test_address_cannot_carry_a_command(tools: Any, to: str) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        bad, good = await channel.send_many([tools.an_email(to), tools.an_email()])
    assert isinstance(bad, PermanentProviderError)
    assert bad.recipient_fault
    assert isinstance(good, Accepted)
    assert [line for line in relay.sessions[0].verbs if line == "RCPT"] == ["RCPT"]


async def test_message_over_the_relays_size_is_refused_without_sending_it(tools: Any) -> None:
    async with tools.bare_relay(size=1000) as relay, tools.channel_to(relay.port) as channel:
        big, small = await channel.send_many([tools.an_email(body=b"x" * 70 + b"\r\n" * 500), tools.an_email()])
    assert isinstance(big, PermanentProviderError)
    assert big.reason == "552 5.3.4"
    assert isinstance(small, Accepted)


async def test_closed_channel_takes_nothing(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port) as channel:
        await channel.close()
        [outcome] = await channel.send_many([tools.an_email()])
    assert isinstance(outcome, TransientProviderError)
    assert not outcome.sent_unknown
    assert relay.messages == []


async def test_more_than_a_chunk_is_refused_whole(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port, depth=2) as channel:
        with pytest.raises(ValueError, match="at most 2"):
            await channel.send_many([tools.an_email() for _ in range(3)])
    assert relay.messages == []


async def test_many_batches_at_once_keep_to_the_connections(tools: Any) -> None:
    async with tools.bare_relay() as relay, tools.channel_to(relay.port, connections=3) as channel:
        batches = [[tools.an_email() for _ in range(20)] for _ in range(6)]
        outcomes = await asyncio.gather(*(channel.send_many(batch) for batch in batches))
    assert outcomes == [[Accepted(None)] * 20] * 6
    assert len(relay.messages) == 120
    assert len(relay.sessions) <= 3


async def test_batch_whose_caller_left_is_not_begun(tools: Any) -> None:
    def answer(_session: Any, line: str) -> str | None:
        return tools.HANG if line == "DOT" and not relay.messages and not released else None

    released: list[bool] = []
    async with (
        tools.bare_relay(answer) as relay,
        tools.channel_to(relay.port, final_timeout_s=60.0) as channel,
    ):
        batch = [tools.an_email() for _ in range(5)]
        sending = asyncio.create_task(channel.send_many(batch))
        await tools.until(lambda: bool(relay.sessions) and "DOT" in relay.sessions[0].verbs)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        released.append(True)
        relay.sessions[0].transport.close()
        assert await channel.send_many([tools.an_email()]) == [Accepted(None)]
    assert len(relay.messages) == 1
