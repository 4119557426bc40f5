"""What holds while the programs run: a revoked key ends within 2 s, and no personal data leaves the database."""

from __future__ import annotations

import socket
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis.asyncio as redis_client

from common.crypto import Crypto
from common.db import Database
from common.tenancy import keys
from common.testing.builders import TESTER, a_key

ADDRESS = "grace.hopper.7319@example.gov"
PHONE = "07700900461"
VALUES = ("Zebrafinch-4471", "Quince Cottage, 9 Larkspur Row")


async def test_a_revoked_key_is_refused_within_two_seconds_by_a_running_api(suite: Any) -> None:
    await suite.start_api()
    async with Database(suite.database_url, pool_size=2, application="test") as db, suite.client() as client:
        extra = await a_key(db, Crypto(suite.ring), suite.team.service_id, name="leaving")
        client.headers["Authorization"] = f"Bearer {extra.secret}"
        for _ in range(5):
            assert (await suite.post(client, "email", f"before-{uuid4()}")).status_code == 201
        async with db.transaction() as tx:
            await keys.revoke_key(tx, TESTER, suite.team.service_id, extra.key.id)
        revoked_at = time.monotonic()
        # requests without a pause: a cache must not be kept fresh by being used
        while (answer := await suite.post(client, "email", f"after-{uuid4()}")).status_code == 201:
            assert time.monotonic() - revoked_at < 2
        took_s = time.monotonic() - revoked_at
        assert answer.status_code == 403
        assert took_s < 2
        for _ in range(5):
            assert (await suite.post(client, "email", f"later-{uuid4()}")).status_code == 403


# personal data ----------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


async def everything_in(redis_url: str) -> bytes:
    """Every key of a Redis with its value in Redis's own serialisation, and the values as they stand."""
    found = []
    async with redis_client.Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter(count=1000):
            kind = await redis.type(key)
            found.append(key)
            if kind == b"string":
                found.append(await redis.get(key) or b"")
            elif kind == b"zset":
                found += list(await redis.zrange(key, 0, -1))
            elif kind == b"hash":
                found += [part for pair in (await redis.hgetall(key)).items() for part in pair]
            elif kind == b"list":
                found += await redis.lrange(key, 0, -1)
            elif kind == b"set":
                found += list(await redis.smembers(key))
            else:
                raise AssertionError(f"a kind of value that this test cannot read: {kind!r}")
    return b"\n".join(found)


async def send_everything(suite: Any, client: httpx.AsyncClient) -> set[str]:
    """Accepted, refused in many ways, read and listed; gives the ids of what was accepted."""
    said = {"personalisation": {"number": VALUES[0], "address": VALUES[1]}}
    accepted = set()
    for channel, to in (("email", {"email_address": ADDRESS}), ("sms", {"phone_number": PHONE})):
        for _ in range(10):
            answer = await suite.post(client, channel, f"r-{uuid4()}", **to, **said)
            assert answer.status_code == 201, answer.text
            accepted.add(answer.json()["id"])
        wrong = [
            {**to, "personalisation": {"nothing": VALUES[0]}},
            {**to, **said, "template_id": str(uuid4())},
            {**to, **said, "email_reply_to_id": str(uuid4()), "sms_sender_id": str(uuid4())},
            {**to, **said, "unknown_field": VALUES[1]},
            {"email_address": f"{ADDRESS} {VALUES[0]}", "phone_number": f"{PHONE}999{VALUES[0]}", **said},
        ]
        for body in wrong:
            answer = await suite.post(client, channel, f"r-{uuid4()}", **body)
            assert 400 <= answer.status_code < 500, answer.text
        torn = f'{{"email_address": "{ADDRESS}", "phone_number": "{PHONE}", "personalisation": "{VALUES[0]}'.encode()
        assert (await client.post(f"/v2/notifications/{channel}", content=torn)).status_code == 400
    for path in (f"/v2/notifications?reference={ADDRESS}", f"/v2/notifications/{PHONE}", f"/nowhere/{ADDRESS}"):
        await client.get(path, params={"to": PHONE})
    for message in accepted:
        assert (await client.get(f"/v2/notifications/{message}")).status_code == 200
    assert VALUES[0] in (await client.get("/v2/notifications")).text
    refused = await client.get("/v2/notifications", headers={"Authorization": f"Bearer {suite.team.live[:-4]}0000"})
    assert refused.status_code == 403
    return accepted


@pytest.mark.parametrize("log_level", ["info", "debug"])
async def test_no_personal_data_leaves_the_database(own_suite: Any, private: Any, log_level: str) -> None:
    suite = own_suite
    port = free_port()
    api = await suite.start_api(LOG_LEVEL=log_level)
    worker = await suite.start_worker(LOG_LEVEL=log_level, WORKER_METRICS_PORT=str(port))
    async with suite.client() as client:
        accepted = await send_everything(suite, client)
        await suite.until_all_done(accepted)
        assert any(VALUES[0].encode() in message for message in suite.relay.messages)
        metrics = [(await client.get("/metrics")).content]
        async with httpx.AsyncClient(trust_env=False) as plain:
            metrics.append((await plain.get(f"http://127.0.0.1:{port}/metrics")).content)
    redis = await everything_in(suite.redis_url)
    for program in (api, worker):
        assert (await program.terminate())[0] == 0
    places = {
        "the API's log": api.log.read_bytes(),
        "the worker's log": worker.log.read_bytes(),
        "the API's /metrics": metrics[0],
        "the worker's /metrics": metrics[1],
        "Redis": redis,
        # every command that ever changed something
        "the history of Redis": b"".join(f.read_bytes() for f in private.redis.data.rglob("*") if f.is_file()),
    }
    assert all(places.values()), {name: len(text) for name, text in places.items()}
    assert b"http_requests" in places["the API's /metrics"] or b"_total" in places["the API's /metrics"]
    words = [ADDRESS, ADDRESS.split("@")[0], PHONE, PHONE[1:], *VALUES, VALUES[1].split(",")[0]]
    secrets = [key[-36:] for key in (suite.team.live, suite.team.team, suite.team.test)]
    found = [
        f"{word} in {name}" for name, text in places.items() for word in [*words, *secrets] if word.encode() in text
    ]
    assert found == []
