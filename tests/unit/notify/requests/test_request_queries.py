"""Query parameters of the lists, and identifiers in paths: contract 1.5 and 1.6."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.notify.requests.errors import SchemaErrors
from services.notify.requests.queries import (
    ListQuery,
    TemplatesQuery,
    parse_list_query,
    parse_templates_query,
    parse_uuid,
)

ID = "8b5f4f2e-7f2a-4d0f-9f51-0c3f1a2b3c4d"
STATUSES = (
    "[cancelled, created, sending, sent, delivered, pending, failed, technical-failure, temporary-failure, "
    "permanent-failure, pending-virus-check, validation-failed, virus-scan-failed, returned-letter, accepted, received]"
)


def test_list_without_parameters_is_unfiltered() -> None:
    assert parse_list_query([]) == ListQuery()


def test_every_parameter_of_the_list_is_read() -> None:
    params = [
        ("template_type", "sms"),
        ("status", "sent"),
        ("template_type", "email"),
        ("status", "created"),
        ("reference", "r"),
        ("older_than", ID),
        ("include_jobs", "True"),
    ]
    assert parse_list_query(params) == ListQuery(
        template_types=("sms", "email"),
        statuses=("sent", "created"),
        reference="r",
        older_than=UUID(ID),
        include_jobs=True,
    )


@pytest.mark.parametrize(
    ("names", "statuses"),
    [
        (["accepted"], ("created", "sending")),
        (["received"], ("delivered",)),
        (["sending", "accepted", "delivered", "received"], ("sending", "created", "delivered")),
        (
            ["failed"],
            (
                "failed",
                "technical-failure",
                "temporary-failure",
                "permanent-failure",
                "validation-failed",
                "virus-scan-failed",
                "returned-letter",
            ),
        ),
    ],
)
def test_collective_status_stands_for_internal_ones(names: list[str], statuses: tuple[str, ...]) -> None:
    assert parse_list_query([("status", name) for name in names]).statuses == statuses


@pytest.mark.parametrize(
    ("params", "texts"),
    [
        ([("status", "elephant")], [f"status elephant is not one of {STATUSES}"]),
        ([("template_type", "Apple")], ["template_type Apple is not one of [sms, email, letter]"]),
        ([("older_than", "x")], ["older_than is not a valid UUID"]),
        ([("include_jobs", "false")], ["include_jobs false is not one of [true, True]"]),
        ([("x", "1")], ["Additional properties are not allowed (x was unexpected)"]),
        ([("reference", "a\0")], ["reference must not contain NUL characters"]),
        (
            [("y", "1"), ("template_type", "Apple"), ("status", "elephant"), ("status", "sent"), ("x", "1")],
            [
                f"status elephant is not one of {STATUSES}",
                "template_type Apple is not one of [sms, email, letter]",
                "Additional properties are not allowed (x, y were unexpected)",
            ],
        ),
    ],
)
def test_wrong_parameters_of_the_list_are_all_named(params: list[tuple[str, str]], texts: list[str]) -> None:
    with pytest.raises(SchemaErrors) as refusal:
        parse_list_query(params)
    assert refusal.value.messages == texts


def test_first_of_a_parameter_that_does_not_repeat_counts() -> None:
    assert parse_list_query([("reference", "a"), ("reference", "b")]).reference == "a"


def test_templates_are_filtered_by_type() -> None:
    assert parse_templates_query([]) == TemplatesQuery(type=None)
    assert parse_templates_query([("type", "letter")]) == TemplatesQuery(type="letter")
    with pytest.raises(SchemaErrors) as refusal:
        parse_templates_query([("type", "fax"), ("a", "b")])
    assert refusal.value.messages == [
        "type fax is not one of [sms, email, letter]",
        "Additional properties are not allowed (a was unexpected)",
    ]


@pytest.mark.parametrize("name", ["notification_id", "id"])
def test_identifier_in_a_path_is_named_when_wrong(name: str) -> None:
    assert parse_uuid(ID.replace("-", ""), name) == UUID(ID)
    with pytest.raises(SchemaErrors) as refusal:
        parse_uuid("x", name)
    assert refusal.value.messages == [f"{name} is not a valid UUID"]
