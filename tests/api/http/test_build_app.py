from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, asgi, get, post
from litestar.params import FromPath, FromQuery, JSONBody, RawBody
from litestar.types import Receive, Scope, Send

from common.errors import Conflict, ServiceError
from common.http.app import App, build_app, openapi_bytes
from common.http.edge import name_caller
from common.http.settings import ServerSettings
from common.http.trace import current_trace
from common.log import AccessLog

_SETTINGS = ServerSettings(database_url="postgres://none", redis_url="redis://none", keys="{}", git_commit="abc1234")
_ID = "019c0000-0000-7000-8000-000000000000"


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=5)]


@post("/v1/things", status_code=201)
async def make_thing(data: JSONBody[Thing]) -> dict[str, str]:
    return {"name": data.name}


@get("/v1/things/{thing_id:uuid}")
async def see_thing(thing_id: FromPath[UUID], n: FromQuery[int], request: Request[Any, Any, Any]) -> dict[str, str]:
    name_caller(request.scope, service_id=_ID)
    return {"trace": current_trace()}


@get("/v1/conflict")
async def conflict() -> None:
    raise Conflict("Already sent.", headers={"Retry-After": "7"}, state="sent", status=1)


@get("/v1/broken")
async def broken() -> None:
    raise RuntimeError("cannot reach someone@example.gov")


@get("/v1/page", media_type="text/html")
async def page() -> Any:
    from litestar import Response

    return Response("<p>", media_type="text/html", headers={"content-security-policy": "default-src 'self'"})


@asgi("/v1/raw", copy_scope=True)
async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    size, more = 0, True
    while more:
        message: Any = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size, "more_body": False})


class PlainFamily:
    def render(self, error: BaseException, scope: Scope) -> tuple[int, bytes, dict[str, str]]:
        status = error.status if isinstance(error, ServiceError) else 500
        return status, json.dumps({"plain": type(error).__name__}).encode(), {"content-type": "application/json"}


def _app(**changed: Any) -> App:
    given: dict[str, Any] = {
        "name": "sample",
        "title": "Sample",
        "version": "1.0",
        "settings": _SETTINGS,
        "route_handlers": [make_thing, see_thing, conflict, broken, page, raw],
        "families": {"/v2": PlainFamily()},
        "extra_headers": {"/v2": {"X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": ""}},
        "max_body_bytes": 1000,
    }
    return build_app(**{**given, **changed})


@asynccontextmanager
async def _client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with app.running(), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with _client(_app()) as client:
        yield client


async def test_refusal_is_problem_json_with_its_facts(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/conflict")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    problem = answer.json()
    assert problem.pop("trace_id") == answer.headers["traceparent"].split("-")[1]
    assert problem == {
        "type": "/docs/errors#conflict",
        "title": "In conflict with the present state",
        "status": 409,  # a fact never hides a member of the standard
        "detail": "Already sent.",
        "kind": "conflict",
        "state": "sent",
    }


async def test_bug_shows_a_trace_id_and_nothing_else(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/v1/broken")
    assert answer.status_code == 500
    assert "reach" not in answer.text
    assert set(answer.json()) == {"type", "title", "status", "detail", "kind", "trace_id"}


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "route-not-found"),
        ("GET", "/v1/things/not-a-uuid", 404, "route-not-found"),
        ("DELETE", "/v1/things", 405, "method-not-allowed"),
        ("GET", f"/v1/things/{_ID}?n=someone@example.gov", 400, "invalid-input"),
        ("GET", f"/v1/things/{_ID}?m=someone@example.gov", 400, "invalid-input"),
    ],
)
async def test_framework_refusals_are_ours_and_repeat_no_query(
    client: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind)
    assert "example" not in answer.text


async def test_wrong_method_lists_the_right_ones(client: httpx.AsyncClient) -> None:
    assert "POST" in (await client.delete("/v1/things")).headers["allow"]


@pytest.mark.parametrize(
    ("body", "kind", "faults"),
    [
        (b'{"name":"abcdef"}', "invalid-input", [{"field": "name", "message": "Expected `str` of length <= 5"}]),
        (b"{}", "invalid-input", [{"field": "name", "message": "Object missing required field `name`"}]),
        (b'{"name":"a","x":1}', "invalid-input", [{"field": "x", "message": "Object contains unknown field `x`"}]),
        (b'{"name":', "malformed-body", None),
        (b'{"name":"\xff"}', "malformed-body", None),
    ],
)
async def test_bad_body_names_the_field(
    client: httpx.AsyncClient, body: bytes, kind: str, faults: list[dict[str, str]] | None
) -> None:
    answer = await client.post("/v1/things", content=body)
    assert answer.status_code == 400
    assert (answer.json()["kind"], answer.json().get("faults")) == (kind, faults)


@pytest.mark.parametrize(("method", "path"), [("GET", "/v2/nowhere"), ("GET", "/v2")])
async def test_family_speaks_for_its_prefix_even_where_no_route_is(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()) == (404, {"plain": "RouteNotFound"})
    assert (await client.get("/v22")).json()["kind"] == "route-not-found"


async def test_security_headers_stand_on_every_answer_and_prefixes_override(client: httpx.AsyncClient) -> None:
    ours, theirs = await client.get("/nowhere"), await client.get("/v2/nowhere")
    assert ours.headers["x-frame-options"] == "DENY"
    assert ours.headers["referrer-policy"] == "no-referrer"
    assert theirs.headers["x-frame-options"] == "SAMEORIGIN"
    assert theirs.headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" not in theirs.headers


async def test_header_of_the_handler_wins(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/page")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_trace_of_the_caller_is_kept_and_reaches_the_handler(client: httpx.AsyncClient) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    sent = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = await client.get(f"/v1/things/{_ID}?n=1", headers=sent)
    assert answer.headers["traceparent"].split("-")[1] == trace_id
    assert answer.json()["trace"] == answer.headers["traceparent"]
    assert answer.headers["x-request-id"] == answer.headers["traceparent"].split("-")[2] != "b7ad6b7169203331"


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b"x" * 100


@pytest.mark.parametrize("path", ["/v1/things", "/v1/raw", "/v2/nowhere"])
async def test_announced_body_above_the_limit_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"x" * 1001)
    assert answer.status_code == 413
    assert (await client.post("/v1/raw", content=b"x" * 1000)).text == "1000"


@pytest.mark.parametrize("path", ["/v1/things", "/v1/raw"])
async def test_streamed_body_is_stopped_at_the_limit(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=_chunks())
    assert (answer.status_code, answer.json()["kind"]) == (413, "payload-too-large")


async def test_route_may_take_more_than_the_rest() -> None:
    @post("/v1/files", request_max_body_size=5000)
    async def take_file(body: RawBody) -> int:
        return len(body)

    async with _client(_app(route_handlers=[take_file, make_thing])) as client:
        assert (await client.post("/v1/files", content=b"x" * 4000)).text == "4000"
        assert (await client.post("/v1/files", content=b"x" * 5001)).status_code == 413
        assert (await client.post("/v1/things", content=b"x" * 1001)).status_code == 413


async def test_access_log_knows_the_template_and_the_caller_and_no_address() -> None:
    app, out = _app(), io.StringIO()
    app._edge._access_log = AccessLog(_SETTINGS, out)
    async with _client(app) as client:
        await client.get(f"/v1/things/{_ID}?n=1", headers={"user-agent": "curious"})
        await client.get("/someone@example.gov")
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    whole = {"at", "level", "event", "method", "route", "status", "ms", "trace_id", "request_id", "service_id"}
    assert set(first) == whole
    assert (first["method"], first["route"], first["status"]) == ("GET", "/v1/things/{thing_id}", 200)
    assert first["service_id"] == _ID
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["at"])
    assert second["route"] == "(none)"


async def test_metrics_count_by_template(client: httpx.AsyncClient) -> None:
    for n in range(3):
        await client.get(f"/v1/things/{_ID}?n={n}")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/v1/things/{thing_id}",status="2xx"}' in text
    assert 'http_request_seconds_bucket{le="0.005",method="GET",route="/v1/things/{thing_id}"}' in text
    assert "http_requests_in_flight 1.0" in text
    assert _ID not in text


async def _well() -> str:
    return "0001"


async def _ill() -> str:
    raise OSError("cannot reach db at 10.0.0.1")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_status_shows_build_and_checks(method: str) -> None:
    async with _client(_app(checks={"db_version": _well})) as client:
        answer = await client.request(method, "/_status")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ok",
            "git_commit": "abc1234",
            "build_time": "unknown",
            "db_version": "0001",
        }


async def test_status_is_503_when_a_check_fails_but_simple_stays_ok() -> None:
    async with _client(_app(checks={"db_version": _ill, "other": _well})) as client:
        answer = await client.get("/_status")
        assert answer.status_code == 503
        assert (answer.json()["status"], answer.json()["db_version"]) == ("error", "unavailable")
        assert (await client.get("/_status?simple=1")).json() == {"status": "ok"}


async def test_openapi_is_the_same_on_every_build_and_served() -> None:
    first, second = _app(), _app()
    assert openapi_bytes(first) == openapi_bytes(second)
    async with _client(first) as client:
        document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert document["paths"]["/v1/things"]["post"]["responses"]["400"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert "503" in document["paths"]["/_status"]["get"]["responses"]


async def test_last_touch_on_the_openapi_document_is_kept() -> None:
    def finish(document: Any) -> None:
        document.info.description = "touched"

    assert json.loads(openapi_bytes(_app(finish_openapi=finish)))["info"]["description"] == "touched"


@pytest.mark.parametrize("path", ["/docs/api", "/docs/errors"])
async def test_pages_need_nothing_from_outside(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert "http://" not in answer.text.replace("http://t", "")
    assert "https://" not in answer.text
    assert "<script" not in answer.text
    assert re.match(r"default-src 'none'; style-src 'sha256-", answer.headers["content-security-policy"])


async def test_every_kind_has_its_place_on_the_errors_page(client: httpx.AsyncClient) -> None:
    text = (await client.get("/docs/errors")).text
    for kind in ("conflict", "invalid-input", "route-not-found", "internal-error", "payload-too-large"):
        assert f'id="{kind}"' in text


async def test_stopping_waits_for_the_last_answer_before_it_closes() -> None:
    told: list[str] = []
    began = asyncio.Event()

    @get("/slow")
    async def slow() -> str:
        began.set()
        await asyncio.sleep(0.2)
        told.append("answered")
        return "done"

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        yield
        told.append("closed")

    app = _app(route_handlers=[slow], lifespan=[life])
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        async with app.running():
            answer = asyncio.create_task(client.get("/slow"))
            await began.wait()
        assert told == ["answered", "closed"]
        assert (await answer).text == "done"
