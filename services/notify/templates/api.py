"""Routes of templates. Reading is the contract's (1.1, 1.5); making, changing and archiving are our additions to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post
from litestar.datastructures import State
from litestar.params import FromPath

from common.auth import Operator, Principal
from common.auth.principals import require
from services.notify.callers import actor, caller
from services.notify.context import Context
from services.notify.described import takes
from services.notify.errors import PersonalisationMissing
from services.notify.messages.rules import check_filling
from services.notify.moments import moment
from services.notify.once import once
from services.notify.requests.decode import decode_preview
from services.notify.requests.errors import SchemaErrors
from services.notify.requests.queries import parse_templates_query, parse_uuid
from services.notify.requests.wire import PreviewRequest
from services.notify.templates import flow, wire
from services.notify.templates.rules import NewTemplate, TemplateChange
from services.notify.templates.store import TemplateVersionRow
from services.notify.tenants import service_for

_READ = "notify:read"
_CHANGE = "notify:templates"
_TAGS = ["Templates"]
# room for a content of 2,000,000 bytes, escaped
_MOST_BODY_BYTES = 5 * 1024 * 1024

Call = Request[Any, Any, State]


def _shown(context: Context, row: TemplateVersionRow) -> wire.Template:
    begun = moment(row.created_at)
    assert begun is not None
    return wire.Template(
        id=row.template_id,
        type=row.channel,
        created_at=begun,
        updated_at=moment(row.updated_at),
        created_by=row.created_by,
        version=row.version,
        body=row.content,
        subject=row.subject,
        name=row.name,
        personalisation=dict.fromkeys(context.compiled(row).placeholders, wire.PlaceholderNote()),
        lane=row.lane,
        has_unsubscribe_link=row.has_unsubscribe_link,
        archived_at=moment(row.archived_at),
    )


def _author(who: Principal) -> str:
    return who.operator if isinstance(who, Operator) else who.key_name


async def _allowed(request: Call, scope: str) -> tuple[Context, Principal, UUID]:
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    require(who, scope)
    return context, who, (await service_for(who, request, context)).id


@get("/v2/templates", operation_id="ListTemplates", tags=_TAGS)
async def list_templates(request: Call) -> wire.Templates:
    """Templates in use, by name and type; `type` picks one channel."""
    context, who, service_id = await _allowed(request, _READ)
    params = [(name, str(value)) for name, value in request.query_params.multi_items()]
    if isinstance(who, Operator):
        params = [pair for pair in params if pair[0] != "service_id"]
    query = parse_templates_query(params)
    async with context.database.reading() as tx:
        rows = await flow.list_templates(tx, service_id, query.type)
    return wire.Templates(templates=[_shown(context, row) for row in rows])


@get("/v2/template/{template_id:str}", operation_id="GetTemplate", tags=_TAGS)
async def get_template(request: Call, template_id: FromPath[str]) -> wire.Template:
    """The present version of a template, archived or not."""
    context, _, service_id = await _allowed(request, _READ)
    wanted = parse_uuid(template_id, "id")
    async with context.database.reading() as tx:
        return _shown(context, await flow.read_template(tx, service_id, wanted))


@get("/v2/template/{template_id:str}/version/{version:int}", operation_id="GetTemplateVersion", tags=_TAGS)
async def get_version(request: Call, template_id: FromPath[str], version: FromPath[int]) -> wire.Template:
    """A version of a template; 0 is the present one."""
    context, _, service_id = await _allowed(request, _READ)
    wanted = parse_uuid(template_id, "id")
    async with context.database.reading() as tx:
        return _shown(context, await flow.read_template(tx, service_id, wanted, version))


@get("/v2/template/{template_id:str}/versions", operation_id="ListTemplateVersions", tags=_TAGS)
async def list_versions(request: Call, template_id: FromPath[str]) -> wire.Versions:
    """Every version of a template, newest first."""
    context, _, service_id = await _allowed(request, _READ)
    wanted = parse_uuid(template_id, "id")
    async with context.database.reading() as tx:
        rows = await flow.list_versions(tx, service_id, wanted)
    return wire.Versions(versions=[_shown(context, row) for row in rows])


def _preview_request(template_id: str, raw: bytes) -> tuple[UUID, PreviewRequest]:
    """Raises InvalidJSON, or SchemaErrors with the faults of the address and of the body together."""
    faults: list[str] = []
    wanted, filled = None, None
    try:
        wanted = parse_uuid(template_id, "id")
    except SchemaErrors as error:
        faults += error.messages
    try:
        filled = decode_preview(raw)
    except SchemaErrors as error:
        faults += error.messages
    if wanted is None or filled is None:
        raise SchemaErrors(faults)
    return wanted, filled


@post(
    "/v2/template/{template_id:str}/preview",
    operation_id="PreviewTemplate",
    operation_class=takes(PreviewRequest, is_required=False),
    status_code=200,
    request_max_body_size=_MOST_BODY_BYTES,
    tags=_TAGS,
)
async def preview_template(request: Call, template_id: FromPath[str]) -> wire.Preview:
    """The present version with its placeholders filled; nothing is sent. The body may be empty."""
    context, _, service_id = await _allowed(request, _READ)
    wanted, filled = _preview_request(template_id, await request.body())
    async with context.database.reading() as tx:
        row = await flow.read_template(tx, service_id, wanted)
    compiled = context.compiled(row)
    if missing := compiled.missing(filled.personalisation):
        raise PersonalisationMissing(missing)
    check_filling(row.content, filled.personalisation)
    return wire.Preview(
        id=row.template_id,
        type=row.channel,
        version=row.version,
        body=compiled.api_body(filled.personalisation),
        html=compiled.email_html(filled.personalisation) if row.channel == "email" else None,
        subject=compiled.api_subject(filled.personalisation),
    )


@post(
    "/v2/templates",
    operation_id="CreateTemplate",
    operation_class=takes(NewTemplate),
    request_max_body_size=_MOST_BODY_BYTES,
    tags=_TAGS,
)
async def create_template(request: Call) -> wire.Template:
    """Make a template. Honours `Idempotency-Key`."""
    context, who, service_id = await _allowed(request, _CHANGE)
    raw = await request.body()
    wanted = once(request, who, raw, context.crypto)
    new = wire.read_new(raw)
    async with context.database.transaction() as tx:
        row = await flow.create_template(tx, actor(who, request), service_id, new, author=_author(who), wanted=wanted)
    return _shown(context, row)


@patch(
    "/v2/template/{template_id:str}",
    operation_id="UpdateTemplate",
    operation_class=takes(TemplateChange),
    request_max_body_size=_MOST_BODY_BYTES,
    tags=_TAGS,
)
async def update_template(request: Call, template_id: FromPath[str]) -> wire.Template:
    """Change a template: a new version. With `version`, only if that is still the present one."""
    context, who, service_id = await _allowed(request, _CHANGE)
    wanted = parse_uuid(template_id, "id")
    raw = await request.body()
    async with context.database.transaction() as tx:
        # a template never changes its channel, so the body can be read by it
        channel = (await flow.read_template(tx, service_id, wanted)).channel
        change = wire.read_change(raw, channel)
        row = await flow.update_template(tx, actor(who, request), service_id, wanted, change, author=_author(who))
    return _shown(context, row)


@delete("/v2/template/{template_id:str}", operation_id="ArchiveTemplate", tags=_TAGS)
async def archive_template(request: Call, template_id: FromPath[str]) -> None:
    """Take a template out of use; once more does nothing."""
    context, who, service_id = await _allowed(request, _CHANGE)
    wanted = parse_uuid(template_id, "id")
    async with context.database.transaction() as tx:
        await flow.archive_template(tx, actor(who, request), service_id, wanted)


ROUTES = [
    list_templates,
    get_template,
    get_version,
    list_versions,
    preview_template,
    create_template,
    update_template,
    archive_template,
]
