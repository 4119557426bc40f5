"""Routes for operators: the work list, what was given up, replay."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.params import FromQuery, JSONBody, QueryParameter

from common.auth import Operator, Principal
from common.auth.principals import require
from services.notify.callers import OtherService, actor, caller, service_of
from services.notify.context import Context
from services.notify.operations import flow, wire

_PAGE = 100


async def _operated(request: Request[Any, Any, State]) -> tuple[Context, Principal, UUID | None]:
    """Whose work the caller may see and replay: one service's, or (None) all for an operator of the whole platform."""
    context: Context = request.app.state.context
    who = await caller(request.scope, context)
    require(who, "notify:operate")
    if isinstance(who, Operator) and who.service_id is None and "service_id" not in request.query_params:
        return context, who, None
    return context, who, service_of(who, request)


@get("/v1/work", operation_id="GetWorkState", tags=["Operations"])
async def work_state(request: Request[Any, Any, State]) -> wire.WorkState:
    """How each lane stands; lanes belong to all services, so this is for operators of all."""
    context, _, service_id = await _operated(request)
    if service_id is not None:
        raise OtherService("The lanes are shared by all services; a token for all is needed.")
    async with context.database.reading() as tx:
        lanes = await flow.WORK.stats(tx)
    return wire.WorkState(
        lanes=[
            wire.LaneState(
                lane=lane.lane,
                waiting=lane.waiting,
                due=lane.due,
                oldest_due_age_s=lane.oldest_due_age_s,
                leased=lane.leased,
                dead=lane.dead,
            )
            for lane in lanes
        ]
    )


@get("/v1/work/dead", operation_id="ListGivenUpWork", tags=["Operations"])
async def given_up(
    request: Request[Any, Any, State],
    cursor: FromQuery[UUID | None] = None,
    topic: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = _PAGE,
) -> wire.GivenUpPage:
    """Work that was given up, newest first."""
    context, _, service_id = await _operated(request)
    async with context.database.reading() as tx:
        rows = await flow.WORK.dead(tx, limit=limit, cursor=cursor, topic=topic, service_id=service_id)
    work = [
        wire.GivenUp(
            id=row.id,
            topic=row.topic,
            ref=row.ref,
            service_id=row.service_id,
            lane=row.lane,
            attempt=row.attempt,
            reason=row.reason,
            created_at=row.created_at,
            died_at=row.died_at,
        )
        for row in rows
    ]
    return wire.GivenUpPage(work=work, next=rows[-1].id if len(rows) == limit else None)


@post("/v1/work/replay", status_code=200, operation_id="ReplayWork", tags=["Operations"])
async def replay(request: Request[Any, Any, State], data: JSONBody[wire.ReplayRequest]) -> wire.Replayed:
    """Put given-up work back on the list."""
    context, who, service_id = await _operated(request)
    async with context.database.transaction() as tx:
        count = await flow.replay(
            tx, actor(who, request), ids=data.ids, topic=data.topic, limit=data.limit, service_id=service_id
        )
    return wire.Replayed(replayed=count)


ROUTES = [work_state, given_up, replay]
