"""Migrations, tokens, the key ring, audit log, queues, backup and doctor by the command line."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis as redis_client

from common.audit import Action, Actor, record
from common.auth.operator import key_id, verify_operator_token
from common.cli import queue
from common.cli.settings import with_running_suite
from common.crypto import Crypto, new_ring
from common.db import Database, Tx
from common.db.migrate import components
from common.tenancy.operators import new_signing_key
from common.testing.servers import execute
from services.notify.operations.flow import WORK


@pytest.fixture
def signing_key() -> str:
    return new_signing_key()


# migrate ---------------------------------------------------------------------


def test_migrate_on_an_up_to_date_database_changes_nothing(ask: Any) -> None:
    answer = ask("migrate")
    assert answer["changed"] == []
    assert answer["versions"] == {c.schema: c.head for c in components()}


def test_migrate_prints_sql_without_a_database(cli: Any) -> None:
    printed = cli("migrate", "--sql", env={"DATABASE_URL": None})
    assert printed.code == 0
    assert printed.out.index("create schema if not exists platform") < printed.out.index(
        "CREATE TABLE platform.schema_version"
    )
    assert "create table notify.messages" in printed.out
    assert "grant usage on schema notify" in printed.out


def test_command_on_a_database_that_is_not_migrated_says_so(cli: Any, fresh_database_url: str) -> None:
    execute(fresh_database_url, "drop schema platform cascade")
    refused = cli("service", "list", env={"DATABASE_URL": fresh_database_url})
    assert refused.code == 1
    assert "colonnade migrate" in refused.err
    assert cli("doctor", env={"DATABASE_URL": fresh_database_url}).code == 1


# operators' tokens -----------------------------------------------------------


def test_operator_token_is_minted_registered_once_and_revoked(
    ask: Any, service: str, signing_key: str, in_database: Any, audited: Any
) -> None:
    env = {"OPERATOR_SIGNING_KEY": signing_key}
    words = (
        "operator",
        "token",
        "--operator",
        "j.smith",
        "--service",
        service,
        "--scope",
        "notify:read,notify:operate",
    )
    first = ask(*words, "--audience", "console", env=env)
    ask(*words, env=env)
    kid = json.loads(base64.urlsafe_b64decode(first["token"].split(".")[0] + "=="))["kid"]

    async def read(tx: Tx) -> Any:
        return await tx.fetchval("select public_key from platform.token_keys where kid = $1", kid)

    public_key = in_database(read)
    assert key_id(public_key) == kid
    who = verify_operator_token(first["token"], public_key, audience="console")
    assert (who.operator, who.service_id, who.session_id) == ("j.smith", UUID(service), UUID(first["session_id"]))
    assert who.scopes == {"notify:read", "notify:operate"}
    assert len(audited(Action.TOKEN_KEY_ADD)) == 1
    assert len(audited(Action.OPERATOR_TOKEN_MINT)) == 2
    ask("operator", "revoke", first["session_id"])
    assert len(audited(Action.OPERATOR_TOKEN_REVOKE)) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (("--operator", "j.smith@example.gov"), 1),
        (("--scope", "notify:all"), 1),
        (("--valid", "301s"), 1),
        (("--audience", "NOTIFY"), 1),
        (("--service", "nothing"), 1),
    ],
)
def test_operator_token_that_would_say_too_much_is_refused(
    cli: Any, signing_key: str, changed: tuple[str, str], code: int
) -> None:
    words = ["operator", "token", "--operator", "j", "--service", "*", "--scope", "notify:read", *changed]
    assert cli(*words, env={"OPERATOR_SIGNING_KEY": signing_key}).code == code


def test_operator_token_without_a_usable_key_ends_with_2(cli: Any) -> None:
    words = ("operator", "token", "--operator", "j", "--service", "*", "--scope", "notify:read")
    assert cli(*words).code == 2
    assert cli(*words, env={"OPERATOR_SIGNING_KEY": "c2hvcnQ="}).code == 2
    fresh = cli("operator", "new-key").out.strip()
    assert cli(*words, env={"OPERATOR_SIGNING_KEY": fresh}).code == 0


def test_retired_signing_key_mints_nothing(cli: Any, signing_key: str, in_database: Any) -> None:
    words = ("operator", "token", "--operator", "j", "--service", "*", "--scope", "notify:read")
    env = {"OPERATOR_SIGNING_KEY": signing_key}
    assert cli(*words, env=env).code == 0
    in_database(lambda tx: tx.execute("update platform.token_keys set retired_at = now()"))
    assert cli(*words, env=env).code == 1


# audit log and queues --------------------------------------------------------


def test_audit_tail_shows_the_newest_of_all_schemas_in_order(cli: Any, ask: Any, service: str) -> None:
    ask("notify", "reply-to", "add", service, "help@example.gov")
    lines = [json.loads(line) for line in cli("audit", "tail", "--json").out.splitlines()]
    assert [line["action"] for line in lines] == [
        "platform:organisation:create",
        "platform:service:create",
        "notify:reply-to:add",
    ]
    assert [line["schema"] for line in lines] == ["platform", "platform", "notify"]
    only = cli("audit", "tail", "--schema", "notify", "--service", "Parking permits").out
    assert len(only.splitlines()) == 1
    assert "help@" not in only
    assert len(cli("audit", "tail", "--limit", 1).out.splitlines()) == 1


def test_audit_tail_follows_what_happens_meanwhile(environment: dict[str, str], in_database: Any) -> None:
    def happen(subject: str) -> None:
        who = Actor("command", "tests")
        in_database(lambda tx: record(tx, "platform", action=Action.KEY_ISSUE, who=who, subject_id=subject))

    happen("before")
    command = [sys.executable, "-m", "common.cli", "audit", "tail", "--follow", "--json"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        end = threading.Timer(30, child.kill)
        end.start()
        assert json.loads(child.stdout.readline())["subject_id"] == "before"
        happen("meanwhile")
        assert json.loads(child.stdout.readline())["subject_id"] == "meanwhile"
        end.cancel()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0


async def _give_up(tx: Tx, service: UUID, count: int) -> list[UUID]:
    for _ in range(count):
        await WORK.add(tx, topic="email", ref=uuid4(), service_id=service, lane="email-normal")
    works = await WORK.claim(tx, "email-normal", limit=count, lease_s=60)
    await WORK.bury(tx, [(work, "smtp-550") for work in works])
    return [work.id for work in works]


def test_queue_shows_what_was_given_up_and_puts_it_back(
    ask: Any, cli: Any, service: str, in_database: Any, audited: Any
) -> None:
    gone = in_database(lambda tx: _give_up(tx, UUID(service), 3))
    (lane,) = ask("queue", "status")["lanes"]
    assert (lane["component"], lane["lane"], lane["dead"], lane["waiting"]) == ("notify", "email-normal", 3, 0)
    dead = ask("queue", "dead", "--component", "notify")["work"]
    assert {UUID(row["id"]) for row in dead} == set(gone)
    assert dead[0]["reason"] == "smtp-550"
    assert ask("queue", "retry", gone[0])["replayed"] == 1
    assert cli("queue", "retry", gone[0]).code == 1
    assert ask("queue", "retry", "--all")["replayed"] == 2
    assert ask("queue", "dead")["work"] == []
    assert len(audited(Action.WORK_REPLAY, "notify")) == 2
    assert cli("queue", "status", "--component", "pay").code == 2


def test_retrying_all_ends_while_the_provider_refuses_again(
    ask: Any, service: str, in_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is quicker than the command here: what comes back is dead again before the next batch is taken."""
    gone = in_database(lambda tx: _give_up(tx, UUID(service), 5))
    replay, rounds = WORK.replay, []

    async def replay_and_fail(tx: Tx, **asked: Any) -> Any:
        back = await replay(tx, **asked)
        rounds.append(back)
        assert len(rounds) < 10, "it takes what died after it began"
        works = await WORK.claim(tx, "email-normal", limit=10, lease_s=60)
        await WORK.bury(tx, [(work, "smtp-550") for work in works])
        return back

    monkeypatch.setattr(queue, "_BATCH", 2)
    monkeypatch.setattr(WORK, "replay", replay_and_fail)
    assert ask("queue", "retry", "--all")["replayed"] == 5
    assert sorted(work for back in rounds for work in back) == sorted(gone)
    assert len(ask("queue", "dead")["work"]) == 5


async def test_work_that_dies_while_all_is_retried_is_left(db: Database) -> None:
    service = uuid4()
    async with db.transaction() as tx:
        await _give_up(tx, service, 2)
        began_at = await tx.fetchval("select clock_timestamp()")
    async with db.transaction() as tx:
        later = await _give_up(tx, service, 1)
        assert len(await WORK.dead(tx, died_before=began_at)) == 2
        assert later[0] not in {row.id for row in await WORK.dead(tx, died_before=began_at)}


# doctor and seed -------------------------------------------------------------


def _checks(answer: Any) -> dict[str, str]:
    return {check["name"]: check["state"] for check in answer["checks"]}


def test_doctor_finds_a_well_suite_well(ask: Any, service: str, signing_key: str, redis_url: str) -> None:
    ask("key", "issue", service, "--name", "Web", "--type", "live")
    with redis_client.Redis.from_url(redis_url) as client:
        client.set("colonnade:notify:worker:host:1", "alive", ex=60)
    answer = ask("doctor", env={"OPERATOR_SIGNING_KEY": signing_key})
    assert answer["state"] == "ok", answer
    assert _checks(answer)["migrations of notify"] == "ok"


def test_doctor_warns_without_failing(ask: Any, cli: Any, service: str, in_database: Any) -> None:
    in_database(lambda tx: _give_up(tx, UUID(service), 1))
    checks = _checks(ask("doctor"))
    assert checks["notify worker"] == checks["notify given up"] == checks["operator tokens"] == "warn"
    assert "warn notify worker: none has been heard of" in cli("doctor").out


@pytest.mark.parametrize(
    ("env", "failing"),
    [
        ({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "database"),
        ({"DATABASE_URL": None}, "database"),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, "redis"),
        ({"KEYS": None}, "keys"),
        ({"KEYS": "not a ring"}, "keys"),
        ({"OPERATOR_SIGNING_KEY": "c2hvcnQ="}, "operator tokens"),
    ],
)
def test_doctor_fails_on_what_is_broken_and_still_looks_at_the_rest(
    cli: Any, env: dict[str, str | None], failing: str
) -> None:
    ended = cli("doctor", "--json", env=env)
    assert ended.code == 1
    checks = _checks(ended.json)
    assert checks[failing] == "fail"
    assert checks["python"] == "ok"


def test_doctor_fails_when_late_work_or_partitions_are_missing(cli: Any, service: str, in_database: Any) -> None:
    async def late(tx: Tx) -> None:
        await WORK.add(tx, topic="email", ref=uuid4(), service_id=UUID(service), lane="email-normal")
        await tx.execute("update notify.work set due_at = now() - interval '1 hour'")

    in_database(late)
    ended = cli("doctor", "--json")
    assert (ended.code, _checks(ended.json)["notify queue"]) == (1, "fail")


def test_seed_twice_makes_one_demonstration(
    ask: Any, cli: Any, in_database: Any, database_url: str, crypto: Crypto
) -> None:
    first = ask("seed")
    assert sorted(first["keys"]) == ["live", "team", "test"]
    assert sorted(first["templates"]) == ["email", "sms"]
    assert ask("service", "show", first["service"]["name"])["status"] == "live"
    assert ask("service", "show", first["trial_service"]["name"])["status"] == "trial"
    second = ask("seed")
    assert second == {**first, "keys": {}}
    replaced = ask("seed", "--reissue", "test")
    assert list(replaced["keys"]) == ["test"]
    states = [key["state"] for key in ask("key", "list", first["service"]["id"])["keys"]]
    assert sorted(states) == ["active", "active", "active", "revoked"]


def test_seed_is_a_function_for_other_programs(database_url: str, crypto: Crypto) -> None:
    from services.notify.cli.seed import seed

    seeded = seed(database_url, crypto)
    assert set(seeded) == {"service", "trial_service", "keys", "templates"}
    assert seed(database_url, crypto)["templates"] == seeded["templates"]


# the suite of `make run` -----------------------------------------------------


def test_settings_of_a_suite_in_this_folder_are_used_only_without_database_url(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "keys.json").write_text(new_ring())
    here = {"COLONNADE_VAR": str(tmp_path)}
    assert with_running_suite(here)["KEYS_FILE"] == str(tmp_path / "secrets" / "keys.json")
    assert "DATABASE_URL" not in with_running_suite(here)
    given = {**here, "DATABASE_URL": "postgresql://x"}
    assert with_running_suite(given) == given


def test_settings_of_a_running_suite_reach_its_database(tmp_path: Path, private_servers: Any) -> None:
    servers = private_servers(durable=False)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "postgres").symlink_to(servers.postgres.data)
    (tmp_path / "redis").symlink_to(servers.redis.data)
    found = with_running_suite({"COLONNADE_VAR": str(tmp_path)})
    assert found["DATABASE_URL"] == servers.database_url
    assert found["REDIS_URL"].startswith("unix://")
