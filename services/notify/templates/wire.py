"""Templates on the wire: the contract's form (1.5), with our own fields after it, and the bodies that change them."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from services.notify.requests.errors import SchemaErrors
from services.notify.requests.fields import Fault, read_template_version, read_text, shown
from services.notify.requests.parsing import parse_json
from services.notify.requests.slow import Schema, read_fields
from services.notify.templates import rules
from services.notify.templates.rules import NewTemplate, TemplateChange


class PlaceholderNote(msgspec.Struct, frozen=True):
    """What a placeholder asks for."""

    required: bool = True


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a template. Every key is always present; lane and what follows it are additions to the contract."""

    id: UUID
    type: str
    created_at: str
    updated_at: str | None
    created_by: str
    version: int
    body: str
    subject: str | None
    name: str
    personalisation: dict[str, PlaceholderNote]
    postage: str | None = None
    letter_contact_block: str | None = None
    lane: str
    has_unsubscribe_link: bool
    archived_at: str | None


class Templates(msgspec.Struct, frozen=True):
    """Those that are not archived, by name and type."""

    templates: list[Template]


class Versions(msgspec.Struct, frozen=True):
    """All versions of one template, newest first."""

    versions: list[Template]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A template filled in. html: an e-mail's body as a fragment of a page, None for a text."""

    id: UUID
    type: str
    version: int
    body: str
    html: str | None
    subject: str | None
    postage: str | None = None


def _words(value: object, longest: int | None = None) -> str:
    text = read_text(value)
    if not text.strip():
        raise Fault("must not be empty")
    if longest is not None and len(text) > longest:
        raise Fault(f"must not be longer than {longest} characters")
    return text


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    raise Fault(f"{shown(value)} is not one of [{', '.join(allowed)}]")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Fault(f"{shown(value)} is not of type boolean")


def _or_null(value: object, longest: int) -> str | None:
    """A subject: null is the same as leaving it out, as the answers show it for texts."""
    return None if value is None else _words(value, longest)


_WORDING: dict[str, Any] = {
    "name": partial(_words, longest=rules.LONGEST_NAME),
    "body": _words,
    "subject": partial(_or_null, longest=rules.LONGEST_SUBJECT),
    "lane": partial(_one_of, allowed=rules.LANES),
    "has_unsubscribe_link": _flag,
}
_NEW = Schema(fields={"type": partial(_one_of, allowed=rules.CHANNELS), **_WORDING}, required=("type", "name", "body"))
_CHANGE = Schema(fields={**_WORDING, "version": read_template_version})


def _given(schema: Schema, raw: bytes) -> tuple[dict[str, Any], list[str], set[str]]:
    """Fields that are right, the faults of the others, and the names of all that were sent."""
    body = parse_json(raw)
    if not isinstance(body, dict):
        raise SchemaErrors([f"{shown(body)} is not of type object"])
    if "content" in body and "body" not in body:
        body["body"] = body.pop("content")  # what the original's own forms call it
    values, faults = read_fields(schema, body)
    if "body" in values:
        values["content"] = values.pop("body")
    if values.get("subject", ...) is None:
        del values["subject"]
    return values, faults, {name for name, value in body.items() if value is not None}


def read_new(raw: bytes) -> NewTemplate:
    """The body of POST /v2/templates. Raises InvalidJSON, or SchemaErrors with every fault."""
    values, faults, sent = _given(_NEW, raw)
    if "type" in values:
        # a field that is wrong in itself is not reported as missing as well
        known = {**dict.fromkeys(sent & {"subject"}), **values}
        faults += rules.channel_faults(values["type"], known)
    if faults:
        raise SchemaErrors(faults)
    return NewTemplate(**values)


def read_change(raw: bytes, channel: str) -> TemplateChange:
    """The body of PATCH /v2/template/{id}, for a template of this channel. Raises as read_new."""
    values, faults, _ = _given(_CHANGE, raw)
    # what the template has already need not be sent again
    faults += rules.channel_faults(channel, {"subject": None, **values})
    if faults:
        raise SchemaErrors(faults)
    return TemplateChange(**values)
