"""Request bodies in the OpenAPI document, for routes that decode their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema


def takes(kind: type[msgspec.Struct], *, is_required: bool = True) -> type[Operation]:
    """An `operation_class` that says the route takes a JSON body of this shape: a Struct that holds no other Struct."""
    _, components = msgspec.json.schema_components([kind])
    schema: dict[str, Any] = components[kind.__name__]

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            # a plain dict passes through Litestar's serialiser as it stands
            content = {"application/json": OpenAPIMediaType(schema=cast(Schema, schema))}
            self.request_body = RequestBody(content=content, required=is_required)

    return Described
