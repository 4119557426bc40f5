"""The complete check of a body: every fault, in the contract's order and words.

Order. The original hands the body to jsonschema's Draft 7 iterator and keeps what it yields. That walks the schema's
keywords as they are written, and Notify's schemas are written: type, properties, required, additionalProperties
(published source, notification_schemas.py). Hence:
1. a body that is no object has that one fault and no other;
2. fields that are present, in the order of the schema's properties, not of the body;
3. required fields that are absent, in the order of `required` (the contract's `{}` example);
4. fields nobody asked for, in one message, sorted (the contract's «bar, foo were unexpected»).
Our own template_version comes last of the properties, so that it moves nothing. Repeated messages are given once.

A new channel is a new Schema; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache, partial

from msgspec import Struct

from services.notify.requests import fields
from services.notify.requests.errors import SchemaErrors
from services.notify.requests.fields import Fault, shown
from services.notify.requests.parsing import has_nul, parse_json

Reader = Callable[[object], object]


class Schema(Struct, frozen=True):
    """What a body may hold. fields: reader by name, in the contract's order; is_closed: other names are faults."""

    fields: dict[str, Reader]
    required: tuple[str, ...] = ()
    is_closed: bool = True


def read_body(schema: Schema, raw: bytes) -> dict[str, object]:
    """The typed values of a body's fields, those present only.

    Raises InvalidJSON, or SchemaErrors with every fault.
    """
    body = parse_json(raw)
    if not isinstance(body, dict):
        raise SchemaErrors([f"{shown(body)} is not of type object"])
    values, faults = read_fields(schema, body)
    if faults:
        raise SchemaErrors(faults)
    return values


def read_fields(schema: Schema, given: dict[str, object]) -> tuple[dict[str, object], list[str]]:
    """The typed values of the fields that are right, and the faults of all the others."""
    values: dict[str, object] = {}
    faults: list[str] = []
    for name, reader in schema.fields.items():
        if name not in given:
            continue
        try:
            values[name] = _read(reader, given[name])
        except Fault as fault:
            faults += [f"{name} {text}" for text in fault.texts]
    faults += [f"{name} is a required property" for name in schema.required if name not in given]
    unknown = sorted(given.keys() - schema.fields.keys())
    if unknown and schema.is_closed:
        names = ", ".join(map(shown, unknown))
        faults.append(
            f"Additional properties are not allowed ({names} {'was' if len(unknown) == 1 else 'were'} unexpected)"
        )
    return values, faults


def _read(reader: Reader, value: object) -> object:
    read = reader(value)
    if has_nul(value):
        raise Fault("must not contain NUL characters")
    return read


@lru_cache(maxsize=8)
def sms_schema(window: timedelta) -> Schema:
    """The body of POST /v2/notifications/sms. window: how far ahead scheduled_for may lie."""
    return Schema(
        fields={
            "reference": fields.read_reference,
            "phone_number": fields.read_phone_number,
            "template_id": fields.read_uuid,
            "personalisation": fields.read_personalisation,
            "scheduled_for": partial(fields.read_scheduled_for, window=window),
            "sms_sender_id": fields.read_uuid,
            "template_version": fields.read_template_version,
        },
        required=("phone_number", "template_id"),
    )


@lru_cache(maxsize=8)
def email_schema(window: timedelta) -> Schema:
    """The body of POST /v2/notifications/email. window: how far ahead scheduled_for may lie."""
    return Schema(
        fields={
            "reference": fields.read_reference,
            "email_address": fields.read_email_address,
            "template_id": fields.read_uuid,
            "personalisation": fields.read_personalisation,
            "scheduled_for": partial(fields.read_scheduled_for, window=window),
            "email_reply_to_id": fields.read_uuid,
            "one_click_unsubscribe_url": fields.read_https_url,
            "sanitise_content_for": fields.read_names,
            "template_version": fields.read_template_version,
        },
        required=("email_address", "template_id"),
    )


PREVIEW = Schema(fields={"personalisation": fields.read_personalisation}, is_closed=False)
