"""Query parameters of the GET routes, and identifiers in paths (contract 1.5 and 1.6)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from msgspec import Struct

from services.notify.requests import fields
from services.notify.requests.errors import SchemaErrors
from services.notify.requests.fields import Fault, shown
from services.notify.requests.slow import Schema, read_fields

TEMPLATE_TYPES = ("sms", "email", "letter")
# In the contract's order, which the error text repeats.
STATUS_FILTERS = (
    "cancelled",
    "created",
    "sending",
    "sent",
    "delivered",
    "pending",
    "failed",
    "technical-failure",
    "temporary-failure",
    "permanent-failure",
    "pending-virus-check",
    "validation-failed",
    "virus-scan-failed",
    "returned-letter",
    "accepted",
    "received",
)
_STANDS_FOR = {
    "failed": (
        "failed",
        "technical-failure",
        "temporary-failure",
        "permanent-failure",
        "validation-failed",
        "virus-scan-failed",
        "returned-letter",
    ),
    "accepted": ("created", "sending"),
    "received": ("delivered",),
}


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which messages to list.

    template_types, statuses: () is all; statuses are internal ones, the collective names already resolved.
    older_than: only messages before this one.
    """

    template_types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    reference: str | None = None
    older_than: UUID | None = None
    include_jobs: bool = False


class TemplatesQuery(Struct, frozen=True, kw_only=True):
    """Which templates to list. type: sms, email or letter; None is all."""

    type: str | None = None


def expand_statuses(names: Iterable[str]) -> tuple[str, ...]:
    """Internal statuses behind the names of the filter: failed, accepted and received stand for several."""
    return tuple(dict.fromkeys(status for name in names for status in _STANDS_FOR.get(name, (name,))))


def parse_list_query(params: list[tuple[str, str]]) -> ListQuery:
    """Read the parameters of GET /v2/notifications, in the order of the URL.

    template_type and status repeat; of the others the first counts, as in the original. Raises SchemaErrors.
    """
    values = _read(_LIST, params, repeatable=("template_type", "status"))
    return ListQuery(
        template_types=tuple(dict.fromkeys(values.get("template_type", ()))),  # type: ignore[call-overload]
        statuses=expand_statuses(values.get("status", ())),  # type: ignore[arg-type]
        reference=values.get("reference"),  # type: ignore[arg-type]
        older_than=values.get("older_than"),  # type: ignore[arg-type]
        include_jobs="include_jobs" in values,
    )


def parse_templates_query(params: list[tuple[str, str]]) -> TemplatesQuery:
    """Read the parameters of GET /v2/templates. Raises SchemaErrors."""
    return TemplatesQuery(type=_read(_TEMPLATES, params).get("type"))  # type: ignore[arg-type]


def parse_uuid(text: str, name: str) -> UUID:
    """Read an identifier from a path. name: as the contract calls it, `notification_id` or `id`.

    Raises SchemaErrors ("id is not a valid UUID").
    """
    try:
        return fields.read_uuid(text)
    except Fault as fault:
        raise SchemaErrors(f"{name} {reason}" for reason in fault.texts) from None


def _read(schema: Schema, params: list[tuple[str, str]], repeatable: tuple[str, ...] = ()) -> dict[str, object]:
    given: dict[str, object] = {}
    for name, value in params:
        if name not in repeatable:
            given.setdefault(name, value)
            continue
        many = given.setdefault(name, [])
        assert isinstance(many, list)
        many.append(value)
    values, faults = read_fields(schema, given)
    if faults:
        raise SchemaErrors(faults)
    return values


def _read_one_of(value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise Fault(f"{shown(value)} is not one of [{', '.join(allowed)}]")


def _read_each_of(value: object, allowed: tuple[str, ...]) -> tuple[str, ...]:
    assert isinstance(value, list)
    faults: list[str] = []
    for part in value:
        try:
            _read_one_of(part, allowed)
        except Fault as fault:
            faults += fault.texts
    if faults:
        raise Fault(*faults)
    return tuple(value)


_LIST = Schema(
    fields={
        "reference": fields.read_text,
        "status": partial(_read_each_of, allowed=STATUS_FILTERS),
        "template_type": partial(_read_each_of, allowed=TEMPLATE_TYPES),
        "older_than": fields.read_uuid,
        "include_jobs": partial(_read_one_of, allowed=("true", "True")),
    },
)
_TEMPLATES = Schema(fields={"type": partial(_read_one_of, allowed=TEMPLATE_TYPES)})
