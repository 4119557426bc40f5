"""The OpenAPI document and the pages made from it: the reference of routes and the list of errors.

The pages are rendered once, from templates of our own, without script or anything from outside, so that they work in a
closed network and under a strict content security policy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Reference, Schema

from common.errors import every_kind
from common.http.families import Families, ProblemFamily
from common.http.status import unavailable_response

Finish = Callable[[OpenAPI], None]

_HTML = Path(__file__).parent / "html"
_METHODS = ("get", "post", "put", "patch", "delete")
_PROBLEM = Reference(ref="#/components/schemas/Problem")


class _NoPages(Router):
    """Litestar always serves pages of its own for a schema; this router takes none of them."""

    def register(self, value: Any) -> list[Any]:
        return []


def openapi_config(title: str, version: str) -> OpenAPIConfig:
    """Deterministic: no invented examples, operation ids from the handlers' names."""
    return OpenAPIConfig(
        title=title,
        version=version,
        create_examples=False,
        use_handler_docstrings=True,
        openapi_router=_NoPages("/", route_handlers=[]),
    )


def _problem_schema() -> Schema:
    text = Schema(type=OpenAPIType.STRING)
    return Schema(
        type=OpenAPIType.OBJECT,
        title="Problem",
        description="RFC 9457. Facts of the refusal stand beside these members.",
        required=["type", "title", "status", "detail", "kind", "trace_id"],
        properties={
            "type": text,
            "title": text,
            "status": Schema(type=OpenAPIType.INTEGER),
            "detail": text,
            "kind": text,
            "trace_id": text,
        },
    )


def _describe_problems(document: OpenAPI, families: Families) -> None:
    """Say problem+json where Litestar documents its own form of errors; other families describe theirs themselves."""
    for path, item in (document.paths or {}).items():
        is_ours = isinstance(families.of(path), ProblemFamily)
        for method in _METHODS:
            operation = getattr(item, method)
            for status, response in ((operation.responses or {}) if operation else {}).items():
                if int(status) >= 400 and isinstance(response, OpenAPIResponse):
                    media_type = ProblemFamily.media_type if is_ours else "application/json"
                    response.content = {media_type: OpenAPIMediaType(schema=_PROBLEM if is_ours else Schema())}
    if (status_page := (document.paths or {}).get("/_status")) is not None:
        for operation in (status_page.get, status_page.post):
            if operation is not None and operation.responses is not None:
                operation.responses["503"] = unavailable_response()
    if document.components.schemas is None:
        document.components.schemas = {}
    document.components.schemas["Problem"] = _problem_schema()


class Description:
    """The OpenAPI 3.1 document of a program, made when first asked for."""

    def __init__(self, families: Families, finish: Finish | None) -> None:
        self._families = families
        self._finish = finish
        self._app: Litestar | None = None
        self._pages: dict[str, bytes] = {}
        self._document: dict[str, Any] | None = None

    def describe(self, app: Litestar) -> None:
        self._app = app

    @property
    def document(self) -> dict[str, Any]:
        if self._document is None:
            if self._app is None:
                raise RuntimeError("the application is not built")
            openapi = self._app.openapi_schema
            _describe_problems(openapi, self._families)
            if self._finish is not None:
                self._finish(openapi)
            self._document = openapi.to_schema()
        return self._document

    def as_json(self) -> bytes:
        """The document as committed: sorted, indented, ending in a newline, the same on every run."""
        return self._page(
            "json", lambda: msgspec.json.format(msgspec.json.encode(self.document, order="sorted")) + b"\n"
        )

    def reference_page(self) -> bytes:
        return self._page("reference", lambda: _render("reference.html", **reference_of(self.document)))

    def errors_page(self) -> bytes:
        return self._page(
            "errors", lambda: _render("errors.html", title=self.document["info"]["title"], kinds=_kinds())
        )

    def _page(self, name: str, make: Callable[[], bytes]) -> bytes:
        if name not in self._pages:
            self._pages[name] = make()
        return self._pages[name]


def reference_routes(description: Description) -> list[HTTPRouteHandler]:
    """`/openapi.json`, `/docs/api` and `/docs/errors`."""

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def openapi_json() -> Response[bytes]:
        return Response(description.as_json(), media_type="application/json")

    @get("/docs/api", include_in_schema=False, sync_to_thread=False)
    def reference() -> Response[bytes]:
        return _html(description.reference_page())

    @get("/docs/errors", include_in_schema=False, sync_to_thread=False)
    def errors() -> Response[bytes]:
        return _html(description.errors_page())

    return [openapi_json, reference, errors]


def _html(page: bytes) -> Response[bytes]:
    policy = f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; frame-ancestors 'none'"
    return Response(page, media_type="text/html", headers={"content-security-policy": policy})


@cache
def _style() -> str:
    return (_HTML / "pages.css").read_text(encoding="utf-8")


@cache
def _style_hash() -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


def _render(template: str, **values: Any) -> bytes:
    environment = Environment(
        loader=FileSystemLoader(_HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(style=_style(), **values).encode()


def _kinds() -> list[dict[str, Any]]:
    return [
        {"kind": cls.kind, "status": cls.status, "title": cls.title, "text": (cls.__doc__ or "").split("\n\n")[0]}
        for cls in every_kind()
    ]


# from the document to what the page shows ---------------------------------


def reference_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Routes by tag and schemas by name, flat enough for a template without logic."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if operation := item.get(method):
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation_of(path, method, operation))
    schemas = document.get("components", {}).get("schemas", {})
    return {
        "info": {"description": "", **document["info"]},
        "groups": sorted(groups.items()),
        "schemas": [{"name": name, **_schema_of(schema)} for name, schema in sorted(schemas.items())],
    }


def _operation_of(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "anchor": f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "is_required": parameter.get("required", False),
                "type": type_of(parameter.get("schema", {})),
                "description": parameter.get("description") or parameter.get("schema", {}).get("description", ""),
            }
            for parameter in operation.get("parameters", [])
        ],
        "body": _content_of(operation.get("requestBody", {})),
        "responses": [
            {"status": status, "description": response.get("description", ""), "content": _content_of(response)}
            for status, response in operation.get("responses", {}).items()
        ],
    }


def _content_of(carrier: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"media_type": media_type, "type": type_of(content.get("schema", {}))}
        for media_type, content in carrier.get("content", {}).items()
    ]


def _schema_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    required = schema.get("required", [])
    return {
        "description": schema.get("description", ""),
        "type": "" if "properties" in schema else type_of(schema),
        "fields": [
            {
                "name": name,
                "is_required": name in required,
                "type": type_of(field),
                "description": field.get("description", ""),
            }
            for name, field in schema.get("properties", {}).items()
        ],
    }


def type_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `string (uuid)`, `array of Message`, `Email or Text`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(type_of(one) for one in schema[several])
    if "const" in schema:
        return msgspec.json.encode(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    extras = [str(schema[name]) for name in ("format",) if name in schema]
    bounds = {"minLength": "≥ {} characters", "maxLength": "≤ {} characters", "minimum": "≥ {}", "maximum": "≤ {}"}
    extras += [text.format(schema[name]) for name, text in bounds.items() if name in schema]
    return f"{kind} ({', '.join(extras)})" if extras else str(kind)
