"""The key ring, backup and restore by the command line."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec

from common import ids
from common.audit import Action
from common.crypto import Crypto, new_ring, promoted, with_new_key
from common.db import Tx
from common.tenancy import store
from services.notify.configuration import store as configuration
from services.notify.messages import store as messages

# the ring --------------------------------------------------------------------


def test_ring_rotate_replaces_the_file_whole_and_closed(ask: Any, cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(ask("ring", "new")["keys"])
    file.chmod(0o644)
    before = msgspec.json.decode(file.read_text())
    assert ask("ring", "rotate", "--file", file)["newest"] == 2
    ask("ring", "rotate", "--file", file, "--part", "index")
    after = msgspec.json.decode(file.read_text())
    assert after["encryption"]["1"] == before["encryption"]["1"]
    assert (sorted(after["encryption"]), sorted(after["index"])) == (["1", "2"], ["1", "2"])
    assert after["current"] == {"encryption": 1, "index": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["keys.json"]
    file.write_text("not a ring")
    assert cli("ring", "rotate", "--file", file).code == 1
    assert file.read_text() == "not a ring"
    assert cli("ring", "rotate", "--file", tmp_path / "absent").code == 1


def test_ring_rotate_is_refused_while_a_key_waits_and_promote_makes_it_current(
    ask: Any, cli: Any, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(ask("ring", "new")["keys"])
    ask("ring", "rotate", "--file", file)
    refused = cli("ring", "rotate", "--file", file, "--json")
    assert (refused.code, json.loads(refused.err)["kind"]) == (1, "key-waits")
    ask("ring", "rotate", "--file", file, "--part", "index")
    assert ask("ring", "promote", "--file", file, "--part", "index")["current"] == {"encryption": 1, "index": 2}
    assert ask("ring", "promote", "--file", file)["promoted"] == ["encryption"]
    again = ask("ring", "promote", "--file", file)
    assert (again["promoted"], again["current"]) == ([], {"encryption": 2, "index": 2})
    assert ask("ring", "rotate", "--file", file)["newest"] == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_key_issued_after_rotate_is_sealed_so_that_programs_not_restarted_open_it(
    ask: Any, service: str, keyring: str, crypto: Crypto, in_database: Any
) -> None:
    ask("key", "issue", service, "--name", "Web", "--type", "live", env={"KEYS": with_new_key(keyring)})
    (sealed,) = in_database(lambda tx: store.sealed_keys(tx, UUID(int=0), 10))
    assert crypto.open(sealed.blob, table="platform.api_keys", row=sealed.id, service=UUID(service))


def test_ring_reseal_is_refused_until_the_new_key_is_promoted(
    ask: Any, cli: Any, service: str, keyring: str, in_database: Any
) -> None:
    ask("key", "issue", service, "--name", "Web", "--type", "live")
    refused = cli("ring", "reseal", "--json", env={"KEYS": with_new_key(keyring)})
    assert (refused.code, json.loads(refused.err)["kind"]) == (1, "key-waits")
    (sealed,) = in_database(lambda tx: store.sealed_keys(tx, UUID(int=0), 10))
    assert Crypto.key_number(sealed.blob) == 1


def test_doctor_tells_the_keys_that_secrets_stand_under_and_the_key_that_waits(
    ask: Any, service: str, keyring: str
) -> None:
    def keys_checks(ring: str) -> list[tuple[str, str]]:
        checks = ask("doctor", env={"KEYS": ring})["checks"]
        return [(check["state"], check["detail"]) for check in checks if check["name"] == "keys"]

    rotated = with_new_key(keyring)
    ask("key", "issue", service, "--name", "Web", "--type", "live")
    told, waits = keys_checks(rotated)
    assert told == ("ok", "the current key is 1; secrets stand 1 under key 1")
    assert waits[0] == "warn"
    assert "encryption key 2 only reads" in waits[1]
    ring = promoted(rotated)
    ask("key", "issue", service, "--name", "App", "--type", "live", env={"KEYS": ring})
    (told,) = keys_checks(ring)
    assert told[0] == "warn"
    assert "secrets stand 1 under key 1, 1 under key 2: `colonnade ring reseal`" in told[1]
    ask("ring", "reseal", env={"KEYS": ring})
    assert keys_checks(ring) == [("ok", "the current key is 2; secrets stand 2 under key 2")]


def _message(crypto: Crypto, service: UUID, to: str) -> messages.Draft:
    message_id = ids.uuid7()
    return messages.Draft(
        id=message_id,
        service_id=service,
        mode="live",
        key_type="live",
        channel="email",
        template_id=uuid4(),
        template_version=1,
        reference=None,
        recipient_index=crypto.index(service, to),
        personal=messages.seal(crypto, messages.Personal(to, to, {}), row=message_id, service=service),
        created_at=ids.moment_of(message_id),
        scheduled_for=None,
        rate_multiplier=1,
        lane="email-normal",
        topic="email",
        trace=None,
    )


def test_ring_reseal_moves_everything_to_the_newest_keys_and_keeps_it_findable(
    ask: Any, cli: Any, service: str, keyring: str, crypto: Crypto, in_database: Any, audited: Any
) -> None:
    key = ask("key", "issue", service, "--name", "Web", "--type", "live")["key"]
    ask("member", "add", service, "--email", "amal@example.gov", "--phone", "07700900123")
    ask("notify", "guest-list", "set", service, "--email", "g@example.gov", "--phone", "07700 900456")
    service_id = UUID(service)
    kept, blank = _message(crypto, service_id, "p@example.gov"), _message(crypto, service_id, "b@example.gov")

    async def fill(tx: Tx) -> None:
        await messages.accept(tx, [kept, blank])
        await tx.execute("update notify.messages set personal = null, recipient_index = null where id = $1", blank.id)

    in_database(fill)
    rotated = promoted(with_new_key(with_new_key(keyring), part="index"))
    newer = Crypto(rotated)
    moved = {row["table"]: row for row in ask("ring", "reseal", env={"KEYS": rotated})["tables"]}
    assert {name: row["resealed"] for name, row in moved.items()} == {
        "platform.api_keys": 1,
        "platform.members": 1,
        "notify.guest_list": 2,
        "notify.messages": 1,
    }
    again = ask("ring", "reseal", env={"KEYS": rotated})["tables"]
    assert sum(row["resealed"] for row in again) == 0

    async def read(tx: Tx) -> tuple[Any, ...]:
        message = await tx.fetchrow("select personal, recipient_index from notify.messages where id = $1", kept.id)
        member = await tx.fetchrow("select email_index, phone_index from platform.members")
        allowed = (await configuration.setup(tx, service_id)).allowed
        (sealed,) = await store.sealed_keys(tx, UUID(int=0), 10)
        return message, member, allowed, sealed

    message, member, allowed, sealed = in_database(read)
    assert newer.key_number(message[0]) == 2
    assert messages.unseal(newer, message[0], row=kept.id, service=service_id).to == "p@example.gov"
    assert message[1] == newer.index(service_id, "p@example.gov") != kept.recipient_index
    assert tuple(member) == (newer.index(service_id, "amal@example.gov"), newer.index(service_id, "447700900123"))
    assert {newer.index(service_id, "g@example.gov"), newer.index(service_id, "447700900456")} < allowed
    assert newer.open(sealed.blob, table="platform.api_keys", row=sealed.id, service=service_id).decode() == key[-36:]
    assert len(audited(Action.RING_ROTATE)) == 2
    assert cli("doctor", env={"KEYS": keyring}).code == 1


def test_ring_reseal_leaves_what_it_cannot_open_and_ends_with_1(
    cli: Any, ask: Any, service: str, in_database: Any
) -> None:
    foreign = Crypto(new_ring())
    row, service_id = uuid4(), UUID(service)
    blob = foreign.seal(b"x", table="notify.guest_list", row=row, service=service_id)
    guest = configuration.GuestRow(row, service_id, "email", b"i", blob)
    in_database(lambda tx: configuration.replace_guests(tx, service_id, [guest]))
    ended = cli("ring", "reseal", "--json")
    assert ended.code == 1
    assert "rows-unreadable" in ended.err
    assert {row["table"]: row["unreadable"] for row in ended.json["tables"]}["notify.guest_list"] == 1
    (left,) = in_database(lambda tx: configuration.guests(tx, service_id))
    assert left.personal == blob


# backup and restore ----------------------------------------------------------


def test_backup_restores_into_an_empty_database_and_not_over_a_full_one(
    ask: Any, cli: Any, service: str, tmp_path: Path, fresh_database_url: str
) -> None:
    key = ask("key", "issue", service, "--name", "Web", "--type", "live")
    file = tmp_path / "all.backup"
    made = ask("backup", file)
    assert made["bytes"] == file.stat().st_size > 1000
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cli("backup", file).code == 1
    assert os.listdir(tmp_path) == ["all.backup"]
    other = {"DATABASE_URL": fresh_database_url}
    ask("restore", file, env=other)
    assert [row["id"] for row in ask("key", "list", service, env=other)["keys"]] == [key["id"]]
    assert ask("migrate", env=other)["changed"] == []
    refused = cli("restore", file, "--json", env=other)
    assert refused.code == 1
    assert "database-not-empty" in refused.err
    ask("service", "suspend", service, env=other)
    ask("restore", file, "--force", env=other)
    assert ask("service", "show", service, env=other)["status"] == "live"
    checks = {check["name"]: check for check in ask("doctor", env=other)["checks"]}
    assert checks["role colonnade_notify"]["state"] == "ok"
    assert checks["notify partitions"]["state"] == "ok"


def test_restore_that_fails_leaves_everything_as_it_was(
    ask: Any, cli: Any, service: str, tmp_path: Path, database_url: str
) -> None:
    file = tmp_path / "cut.backup"
    ask("backup", file)
    file.write_bytes(file.read_bytes()[:-2000])
    assert cli("restore", file, "--force").code == 1
    assert ask("service", "show", service)["status"] == "live"
    assert [row["id"] for row in ask("service", "list")["services"]] == [service]
    (tmp_path / "text").write_text("hello")
    assert cli("restore", tmp_path / "text").code == 1
    assert cli("restore", tmp_path / "absent").code == 1


def test_restore_warns_when_the_ring_is_not_that_of_the_backup(
    ask: Any, cli: Any, service: str, tmp_path: Path, fresh_database_url: str
) -> None:
    ask("key", "issue", service, "--name", "Web", "--type", "live")
    ask("backup", tmp_path / "b")
    restored = cli("restore", tmp_path / "b", env={"DATABASE_URL": fresh_database_url, "KEYS": new_ring()})
    assert restored.code == 0
    assert "warning: KEYS does not open" in restored.err


def test_new_index_key_alone_indexes_anew(ask: Any, service: str, keyring: str, in_database: Any) -> None:
    ask("member", "add", service, "--email", "amal@example.gov")
    rotated = promoted(with_new_key(keyring, part="index"))
    ask("ring", "reseal", env={"KEYS": rotated})
    index = in_database(lambda tx: tx.fetchval("select email_index from platform.members"))
    assert index == Crypto(rotated).index(UUID(service), "amal@example.gov")
