"""Organisations, services, members and keys by the command line."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import click
import pytest

from common.audit import list_events
from common.cli.main import build
from common.db import Tx


def actions(in_database: Any, schema: str = "platform") -> list[str]:
    async def read(tx: Tx) -> list[str]:
        return [event.action for event in await list_events(tx, schema)]

    return in_database(read)


def leaves(command: click.Command, path: str = "") -> list[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        return [leaf for name, child in command.commands.items() for leaf in leaves(child, f"{path} {name}")]
    return [(path.strip(), command)]


def test_every_command_takes_json_and_explains_itself() -> None:
    found = leaves(build())
    assert {"doctor", "seed", "service limits", "notify template create", "queue retry"} <= {path for path, _ in found}
    for path, command in found:
        assert any(parameter.name == "is_json" for parameter in command.params), path
        assert command.help, path


def test_organisation_is_created_listed_and_updated(ask: Any, in_database: Any) -> None:
    made = ask("organisation", "create", "Borough of Tests", "--colour", "#00703C")
    assert made["colour"] == "#00703c"
    changed = ask("organisation", "update", "borough of tests", "--name", "City of Tests")
    assert changed["id"] == made["id"]
    assert [o["name"] for o in ask("organisation", "list")["organisations"]] == ["City of Tests"]
    assert actions(in_database) == ["platform:organisation:create", "platform:organisation:update"]


def test_update_that_changes_nothing_is_no_event(ask: Any, in_database: Any) -> None:
    made = ask("organisation", "create", "Borough of Tests")
    ask("organisation", "update", made["id"], "--name", "Borough of Tests")
    assert actions(in_database) == ["platform:organisation:create"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("organisation", "create", "borough OF tests"), "name-taken"),
        (("organisation", "create", "x" * 201), "invalid-input"),
        (("organisation", "create", "a\x1b[31mb"), "invalid-input"),
        (("organisation", "create", "Other", "--colour", "green"), "invalid-input"),
        (("organisation", "update", str(uuid4()), "--name", "x"), "not-found"),
        (("organisation", "update", "Borough of Tests", "--name", ""), "invalid-input"),
        (("service", "create", "Nowhere", "x"), "not-found"),
        (("service", "create", "Borough of Tests", "parking PERMITS"), "name-taken"),
        (("service", "create", "Borough of Tests", "a\x1b[31mb"), "invalid-input"),
        (("key", "issue", "Parking permits", "--type", "test", "--name", "a\x1b[31mb"), "invalid-input"),
        (("service", "show", "Nothing"), "not-found"),
        (("service", "reopen", "Parking permits"), "service-move-refused"),
        (("key", "revoke", "Parking permits", str(uuid4())), "not-found"),
        (("member", "remove", "Parking permits", str(uuid4())), "not-found"),
    ],
)
def test_refusal_ends_with_1_and_says_why(cli: Any, service: str, words: tuple[str, ...], kind: str) -> None:
    refused = cli(*words, "--json")
    assert refused.code == 1
    assert refused.out == ""
    assert f'"kind":"{kind}"' in refused.err
    assert cli(*words).err.startswith("refused: ")


def test_refusal_leaves_nothing_behind(cli: Any, ask: Any, service: str, in_database: Any) -> None:
    before = actions(in_database)
    assert cli("service", "create", "Borough of Tests", "Parking permits").code == 1
    assert actions(in_database) == before


def test_wrong_usage_ends_with_2(cli: Any, service: str) -> None:
    assert cli("key", "issue", service).code == 2
    assert cli("nonsense").code == 2
    assert cli("key", "rotate", service, uuid4(), "--overlap", "soon").code == 2
    assert cli("queue", "retry").code == 2


def test_missing_and_wrong_settings_end_with_2(cli: Any) -> None:
    missing = cli("organisation", "list", env={"DATABASE_URL": None})
    assert (missing.code, missing.err.split(":")[0]) == (2, "setting DATABASE_URL")
    wrong = cli("organisation", "list", env={"DATABASE_URL": "mysql://x"})
    assert wrong.code == 2
    bad_ring = cli("member", "list", "x", env={"KEYS": '{"encryption":{"1":"c2hvcnQ="},"index":{}}'})
    assert bad_ring.code == 2
    assert "c2hvcnQ" not in bad_ring.err


def test_unreachable_database_ends_with_3(cli: Any) -> None:
    gone = cli("organisation", "list", env={"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"})
    assert gone.code == 3
    assert gone.err.startswith("not reachable: ")


def test_service_moves_are_audited_by_name_with_the_reason(ask: Any, cli: Any, in_database: Any) -> None:
    ask("organisation", "create", "Borough of Tests")
    ask("service", "create", "Borough of Tests", "Parking")
    assert ask("service", "show", "parking")["status"] == "trial"
    assert ask("service", "go-live", "Parking")["status"] == "live"
    assert ask("service", "suspend", "Parking", "--reason", "unpaid")["status"] == "suspended"
    assert ask("service", "reopen", "Parking")["status"] == "live"
    assert ask("service", "update", "Parking", "--name", "Permits")["name"] == "Permits"
    assert cli("service", "archive", "Permits", stdin="n\n").code == 1
    closed = ask("service", "archive", "Permits", "--yes")
    assert closed["status"] == "archived"
    assert ask("service", "list")["services"] == []
    assert cli("service", "go-live", closed["id"]).code == 1
    assert actions(in_database)[2:] == [
        "platform:service:go-live",
        "platform:service:suspend",
        "platform:service:resume",
        "platform:service:update",
        "platform:service:archive",
    ]


def test_service_suspended_in_trial_reopens_in_trial(ask: Any) -> None:
    ask("organisation", "create", "Borough of Tests")
    ask("service", "create", "Borough of Tests", "Parking")
    ask("service", "suspend", "Parking")
    assert ask("service", "reopen", "Parking")["status"] == "trial"


def test_name_that_two_services_have_needs_the_id(ask: Any, cli: Any) -> None:
    for organisation in ("A", "B"):
        ask("organisation", "create", organisation)
        made = ask("service", "create", organisation, "Parking")
    assert cli("service", "show", "Parking").code == 1
    assert ask("service", "show", made["id"])["id"] == made["id"]
    assert len(ask("service", "list", "--organisation", "A")["services"]) == 1


def test_member_is_added_normalised_listed_and_removed(ask: Any, cli: Any, service: str, in_database: Any) -> None:
    added = ask("member", "add", service, "--email", " Amal@Example.GOV ", "--phone", "07700 900123", "--role", "admin")
    assert "mal" not in str(added).replace(service, "")
    assert cli("member", "add", service, "--email", "amal@example.gov").code == 1
    (member,) = ask("member", "list", service)["members"]
    assert (member["email"], member["phone_number"], member["role"]) == ("amal@example.gov", "447700900123", "admin")
    ask("member", "remove", service, member["id"])
    assert ask("member", "list", service)["members"] == []
    found = actions(in_database)
    assert found.count("platform:member:read") == 2
    assert "platform:member:add" in found
    assert "platform:member:remove" in found


def test_key_is_shown_once_and_listed_without_its_secret(ask: Any, cli: Any, service: str) -> None:
    issued = ask("key", "issue", service, "--name", "Web site", "--type", "live", "--expires-in", "30d")
    assert issued["key"].startswith(f"web-site-{service}-")
    UUID(issued["key"][-36:])
    (listed,) = ask("key", "list", service)["keys"]
    assert "key" not in listed
    assert issued["key"][-36:] not in cli("key", "list", service).out
    assert listed["state"] == "expiring"
    assert ask("key", "revoke", service, issued["id"])["state"] == "revoked"
    spoken = cli("key", "issue", service, "--name", "x", "--type", "test")
    assert "curl -H 'Authorization: Bearer x-" in spoken.err


def test_key_with_wrong_scope_or_network_is_refused_with_every_fault(cli: Any, service: str) -> None:
    words = ("key", "issue", service, "--name", "x", "--type", "live")
    assert "notify:everything is not a scope" in cli(*words, "--scopes", "notify:everything").err
    assert "is not a network" in cli(*words, "--network", "everywhere").err


def test_rotated_key_overlaps_then_expires(ask: Any, cli: Any, service: str) -> None:
    old = ask(
        "key", "issue", service, "--name", "Web", "--type", "live", "--scopes", "notify:read", "--network", "10.0.0.0/8"
    )
    new = ask("key", "rotate", service, old["id"], "--overlap", "2h")
    assert new["key"] != old["key"]
    assert [new[name] for name in ("name", "type", "scopes", "networks")] == [
        "Web",
        "live",
        ["notify:read"],
        ["10.0.0.0/8"],
    ]
    states = {key["id"]: key["state"] for key in ask("key", "list", service)["keys"]}
    assert states == {old["id"]: "expiring", new["id"]: "active"}
    now = ask("key", "rotate", service, new["id"], "--overlap", "0s")
    states = {key["id"]: key["state"] for key in ask("key", "list", service)["keys"]}
    assert (states[new["id"]], states[now["id"]]) == ("revoked", "active")
    assert cli("key", "rotate", service, new["id"]).code == 1


def test_ring_that_does_not_fit_the_database_seals_nothing(ask: Any, cli: Any, service: str) -> None:
    """A key sealed under another ring would lock the whole service out of every program."""
    ask("key", "issue", service, "--name", "Web", "--type", "live")
    other = ask("ring", "new")["keys"]
    refused = cli("key", "issue", service, "--name", "x", "--type", "live", "--json", env={"KEYS": other})
    assert refused.code == 1
    assert "ring-does-not-fit" in refused.err
    assert len(ask("key", "list", service)["keys"]) == 1


def test_plain_answers_are_tab_separated_for_pipes(cli: Any, service: str) -> None:
    line = cli("service", "list").out.splitlines()[0].split("\t")
    assert line[:3] == [service, "Parking permits", "live"]
