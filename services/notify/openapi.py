"""What OpenAPI cannot see by itself: what hand-decoded routes read and answer, the errors of /v2, the credentials."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar.openapi.spec import (
    Components,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Schema,
    SecurityScheme,
)

from services.notify.messages import wire
from services.notify.requests.queries import STATUS_FILTERS

_ANSWERS = {"SendEmail": wire.EmailAccepted, "SendSms": wire.SmsAccepted}
_TEXT = {"type": "string"}
_UUID = {"type": "string", "format": "uuid"}
_CHANNEL = {"type": "string", "enum": ["email", "sms", "letter"]}
_SERVICE = ("service_id", "query", _UUID, "For operators whose token is for all services.")
_KEY = (
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "The same key and body within 24 hours give the first answer again; the same key with another body is refused.",
)
# operation → what it reads besides its path and body: name, where, schema, meaning
_READS: dict[str, list[tuple[str, str, dict[str, Any], str]]] = {
    "SendEmail": [_KEY],
    "SendSms": [_KEY],
    "CreateTemplate": [_KEY],
    "AddReplyToAddress": [_KEY],
    "AddSmsSender": [_KEY],
    "GetNotification": [_SERVICE],
    "ListNotifications": [
        ("template_type", "query", {"type": "array", "items": _CHANNEL}, "Repeat it for several."),
        ("status", "query", {"type": "array", "items": {"enum": list(STATUS_FILTERS)}}, "Repeat it for several."),
        ("reference", "query", _TEXT, "Your own reference, as it was sent."),
        ("older_than", "query", _UUID, "Only messages before this one: the page after it."),
        ("include_jobs", "query", {"enum": ["true", "True"]}, "Messages of bulk uploads too."),
        _SERVICE,
    ],
    "ListTemplates": [("type", "query", _CHANNEL, "One kind of template only."), _SERVICE],
    "ListUnsubscribeRequests": [("older_than", "query", _UUID, "The page after this request."), _SERVICE],
    "ListAuditEvents": [
        ("after", "query", {"type": "integer", "minimum": 0}, "Only events after this position."),
        ("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000}, "Most events of the page."),
        ("action", "query", _TEXT, "One action only, such as notify:template:update."),
        ("subject_id", "query", _TEXT, "What was acted on."),
        _SERVICE,
    ],
}
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
                "properties": {"error": _TEXT, "message": _TEXT},
            },
        },
    },
}
_METHODS = ("get", "post", "patch", "delete", "put")


def _media(name: str) -> dict[str, OpenAPIMediaType]:
    # a plain dict passes through Litestar's serialiser as it stands
    return {"application/json": OpenAPIMediaType(schema=cast(Schema, {"$ref": f"#/components/schemas/{name}"}))}


def describe(document: OpenAPI) -> None:
    """Add to the document what the routes do not tell."""
    _, named = msgspec.json.schema_components(list(_ANSWERS.values()), ref_template="#/components/schemas/{name}")
    if document.components is None:
        document.components = Components()
    schemas = cast(dict[str, Any], document.components.schemas)
    schemas.update(named)
    schemas["NotifyErrors"] = _ERRORS
    document.components.security_schemes = {
        "key": SecurityScheme(
            type="http",
            scheme="bearer",
            description="An API key as it stands, a JWT signed with it (HS256; iss, iat), or an operator's token.",
        )
    }
    document.security = [{"key": []}]
    for path, item in (document.paths or {}).items():
        for method in _METHODS:
            operation = getattr(item, method)
            if operation is not None:
                _complete(path, operation)


def _complete(path: str, operation: Operation) -> None:
    name = operation.operation_id or ""
    if reads := _READS.get(name):
        named = [
            Parameter(name=label, param_in=where, schema=cast(Schema, schema), description=meaning, required=False)
            for label, where, schema, meaning in reads
        ]
        operation.parameters = [*(operation.parameters or []), *named]
    responses = operation.responses if operation.responses is not None else {}
    if (answer := _ANSWERS.get(name)) is not None:
        responses["201"] = OpenAPIResponse(description="Accepted", content=_media(answer.__name__))
    if path.startswith("/v2"):
        refused = OpenAPIResponse(description="Refused, with every fault", content=_media("NotifyErrors"))
        responses.update(dict.fromkeys(("400", "403", "404", "429"), refused))
    operation.responses = responses
