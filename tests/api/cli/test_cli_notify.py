"""Notify's templates, senders, guest list and settings by the command line."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture
def template(ask: Any, service: str) -> Any:
    words = ("--type", "email", "--name", "Granted", "--subject", "Hello ((name))", "--content", "Dear ((name))")
    return ask("notify", "template", "create", service, *words)


def test_template_is_made_changed_and_archived(ask: Any, cli: Any, service: str, template: Any) -> None:
    template_id = template["template_id"]
    changed = ask("notify", "template", "update", service, template_id, "--content-file", "-", stdin="Dear all")
    assert (changed["version"], changed["content"], changed["subject"]) == (2, "Dear all", "Hello ((name))")
    assert ask("notify", "template", "show", service, template_id, "--version", 1)["content"] == "Dear ((name))"
    assert [row["id"] for row in ask("notify", "template", "list", service)["templates"]] == [template_id]
    assert ask("notify", "template", "list", service, "--type", "sms")["templates"] == []
    ask("notify", "template", "archive", service, template_id)
    assert ask("notify", "template", "list", service)["templates"] == []
    assert cli("notify", "template", "update", service, template_id, "--name", "x").code == 1


def test_template_change_from_an_old_version_is_refused(ask: Any, cli: Any, service: str, template: Any) -> None:
    words = ("notify", "template", "update", service, template["template_id"])
    ask(*words, "--name", "Newer", "--version", 1)
    refused = cli(*words, "--name", "Other", "--version", 1, "--json")
    assert refused.code == 1
    assert "template-version-conflict" in refused.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--type", "email", "--name", "x", "--content", "x"), "subject is a required property"),
        (("--type", "sms", "--name", "x", "--content", "x", "--subject", "y"), "subject is for email templates only"),
        (("--type", "sms", "--name", "x", "--content", "x" * 919), "body must not be longer than 918"),
        (("--type", "sms", "--name", "x"), "body is a required property"),
    ],
)
def test_template_faults_are_told(cli: Any, service: str, words: tuple[str, ...], text: str) -> None:
    refused = cli("notify", "template", "create", service, *words)
    assert refused.code == 1
    assert text in refused.err


def test_template_with_two_contents_is_wrong_usage(cli: Any, service: str) -> None:
    words = ("--type", "sms", "--name", "x", "--content", "x", "--content-file", "-")
    assert cli("notify", "template", "create", service, *words, stdin="y").code == 2


@pytest.mark.parametrize(
    ("group", "name", "values"),
    [
        ("reply-to", "reply_to_addresses", ("help@example.gov", "office@example.gov")),
        ("sms-sender", "sms_senders", ("ASHBOURNE", "07700900123")),
    ],
)
def test_first_origin_is_the_default_until_another_is(
    ask: Any, cli: Any, service: str, group: str, name: str, values: tuple[str, str]
) -> None:
    first = ask("notify", group, "add", service, values[0])
    second = ask("notify", group, "add", service, values[1], "--default")
    assert (first["is_default"], second["is_default"]) == (True, True)
    listed = {row["id"]: row["is_default"] for row in ask("notify", group, "list", service)[name]}
    assert listed == {first["id"]: False, second["id"]: True}
    assert cli("notify", group, "archive", service, second["id"]).code == 1
    ask("notify", group, "archive", service, first["id"])
    ask("notify", group, "archive", service, second["id"])
    assert ask("notify", group, "list", service)[name] == []
    assert cli("notify", group, "archive", service, uuid4()).code == 1


def test_guest_list_is_set_whole_and_shown(ask: Any, cli: Any, service: str) -> None:
    words = ("notify", "guest-list", "set", service)
    ask(*words, "--email", "a@example.gov", "--email", "b@example.gov", "--phone", "07700900123")
    shown = ask("notify", "guest-list", "show", service)
    assert shown == {"emails": ["a@example.gov", "b@example.gov"], "phone_numbers": ["07700900123"]}
    refused = cli(*words, "--email", "nobody", "--phone", "12")
    assert refused.code == 1
    assert "emails.0" in refused.err
    assert "phone_numbers.0" in refused.err
    assert ask(*words) == {"emails": [], "phone_numbers": []}


def test_settings_change_limits_and_go_back_to_the_default(ask: Any, cli: Any, service: str) -> None:
    words = ("notify", "settings", "set", service)
    changed = ask(*words, "--daily-email", 7, "--channels", "email", "--no-sms-prefix", "--rate-limit-per-minute", 60)
    assert (changed["daily_email"], changed["channels"], changed["sms_prefix"]) == (7, ["email"], False)
    assert changed["effective"]["daily_email"] == 7
    assert ask("service", "limits", service)["rate_per_minute"] == 60
    back = ask(*words, "--daily-email", "default")
    assert (back["daily_email"], back["effective"]["daily_email"]) == (None, 250_000)
    assert ask("notify", "settings", "show", service) == back


def test_settings_that_are_wrong_change_nothing(ask: Any, cli: Any, service: str) -> None:
    words = ("notify", "settings", "set", service)
    before = ask("notify", "settings", "show", service)
    assert cli(*words, "--retention-email-days", 2, "--daily-sms", 5).code == 1
    assert cli(*words, "--channels", "pigeon").code == 1
    assert cli(*words).code == 2
    assert cli(*words, "--daily-sms", "many").code == 2
    assert ask("notify", "settings", "show", service) == before


def test_commands_about_a_service_that_does_not_exist_are_refused(cli: Any, service: str) -> None:
    for words in (("template", "list"), ("reply-to", "list"), ("guest-list", "show"), ("settings", "show")):
        assert cli("notify", *words, "Nothing").code == 1
