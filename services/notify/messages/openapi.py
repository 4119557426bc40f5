"""What OpenAPI cannot see by itself: the bodies that the send routes decode on their own, and the errors of /v2."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.openapi.spec import Components, OpenAPI, OpenAPIMediaType, OpenAPIResponse, RequestBody, Schema

from services.notify.messages import wire
from services.notify.requests.wire import EmailRequest, PreviewRequest, SmsRequest

_BODIES = {"SendEmail": EmailRequest, "SendSms": SmsRequest, "PreviewTemplate": PreviewRequest}
_ANSWERS = {"SendEmail": wire.EmailAccepted, "SendSms": wire.SmsAccepted}
_ERRORS = {
    "type": "object",
    "required": ["status_code", "errors"],
    "properties": {
        "status_code": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["error", "message"],
                "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


class _Plain(Schema):
    """A schema given as plain JSON Schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__()
        self._schema = schema

    def to_schema(self) -> dict[str, Any]:
        return self._schema


def _media(name: str) -> dict[str, OpenAPIMediaType]:
    return {"application/json": OpenAPIMediaType(schema=_Plain({"$ref": f"#/components/schemas/{name}"}))}


def describe(document: OpenAPI) -> None:
    """Add the schemas of hand-decoded bodies and of /v2's errors to the document."""
    types = [*_BODIES.values(), *_ANSWERS.values()]
    _, named = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    if document.components is None:
        document.components = Components()
    schemas: dict[str, Any] = document.components.schemas
    for name, schema in named.items():
        schemas[name] = _Plain(schema)
    schemas["NotifyErrors"] = _Plain(_ERRORS)
    for path, item in (document.paths or {}).items():
        for method in ("get", "post", "patch", "delete", "put"):
            operation = getattr(item, method)
            if operation is None:
                continue
            if (body := _BODIES.get(operation.operation_id or "")) is not None:
                is_required = body is not PreviewRequest
                operation.request_body = RequestBody(content=_media(body.__name__), required=is_required)
            if (answer := _ANSWERS.get(operation.operation_id or "")) is not None:
                operation.responses["201"] = OpenAPIResponse(description="Accepted", content=_media(answer.__name__))
            if path.startswith("/v2"):
                refused = OpenAPIResponse(description="Refused, with every fault", content=_media("NotifyErrors"))
                for status in ("400", "403", "404", "429"):
                    operation.responses[status] = refused
