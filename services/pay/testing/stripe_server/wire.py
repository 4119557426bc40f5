"""Stripe's way of writing: forms with brackets in, errors and lists out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

Params = dict[str, Any]

_PARTS: Final = re.compile(r"[^\[\]]+")


class ApiError(Exception):
    """An error as Stripe answers it. is_kept: an idempotent repeat gets it again (the endpoint had begun to work)."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_kept: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_kept = is_kept
        self.body: Params = {"error": {"type": kind, "message": message, **more}}
        if code is not None:
            self.body["error"]["code"] = code
        if param is not None:
            self.body["error"]["param"] = param


def missing(what: str, name: str, param: str = "id") -> ApiError:
    """There is no such object."""
    return ApiError(404, f"No such {what}: '{name}'", code="resource_missing", param=param)


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """The parameters are wrong: nothing was begun, nothing is kept under the key."""
    return ApiError(400, message, code=code, param=param, is_kept=False)


def decode(text: str) -> Params:
    """`a[b][0][c]=d` into dicts and lists of strings."""
    found: Params = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        parts = _PARTS.findall(name)
        at = found
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = value
    return {name: _lists(value) for name, value in found.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}


def _names(value: Any, path: str = "") -> Iterable[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _names(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner, f"{path}[]")
    else:
        yield path


def check_names(params: Params, allowed: frozenset[str]) -> None:
    """Refuse what the endpoint does not know, as Stripe does. `x.*` allows all names under x."""
    for name in _names(params):
        if name in allowed or f"{name.rpartition('.')[0]}.*" in allowed or name == "expand[]":
            continue
        if name.startswith("payment_method_types"):
            code = "payment_method_types_no_longer_supported"
            raise invalid("payment_method_types is no longer supported", code=code, param="payment_method_types")
        raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def whole(params: Params, name: str, *, path: str | None = None) -> int:
    """A required whole number."""
    value = params.get(name)
    if value is None:
        raise invalid(f"Missing required param: {path or name}.", code="parameter_missing", param=path or name)
    if not re.fullmatch(r"-?\d{1,12}", str(value)):
        raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path or name)
    return int(value)


def page(items: list[Params], params: Params, url: str) -> Params:
    """A list, newest first, by limit and starting_after."""
    items = sorted(items, key=lambda item: item["_order"], reverse=True)
    after = params.get("starting_after")
    if after is not None:
        names = [item["id"] for item in items]
        if after not in names:
            raise missing("object", after, "starting_after")
        items = items[names.index(after) + 1 :]
    limit = int(params.get("limit", 10))
    return {"object": "list", "url": url, "has_more": len(items) > limit, "data": items[:limit]}


def shown(value: Any, expand: list[str], get: Callable[[str], Params | None]) -> Any:
    """A copy without our own notes, the fields named in `expand` replaced by their objects."""
    if isinstance(value, list):
        return [shown(item, expand, get) for item in value]
    if not isinstance(value, dict):
        return value
    copy: Params = {}
    for name, inner in value.items():
        if name.startswith("_"):
            continue
        below = [path[len(name) + 1 :] for path in expand if path.startswith(f"{name}.")]
        if isinstance(inner, str) and (name in expand or below):
            inner = get(inner) or inner
        copy[name] = shown(inner, below, get)
    return copy
