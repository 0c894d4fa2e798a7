"""`POST /partitions/{key}/{action}`: an operator's action on a partition."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, post
from litestar.response.base import ASGIResponse
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.api.http.media_types import JSON, require_media_type
from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.problem import ProblemError
from tradecapture.api.http.query import Query
from tradecapture.api.partitions.bodies import ActionResultBody
from tradecapture.api.partitions.request import key_and_action_of, read_action_body, unknown
from tradecapture.api.service.service import Service, service_of
from tradecapture.operations import ActionRequest
from tradecapture.operations.views import PartitionBody, partition_body
from tradecapture.trades.partition import PartitionKey

_encode = msgspec.json.Encoder().encode


# One handler serves all actions; `action_paths` documents them. A key may hold encoded slashes, so
# only the raw address shows where the key ends and the action begins.
@post(PARTITIONS + "/{key:path}", status_code=200, include_in_schema=False)
async def act(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Perform an action; with `dryRun` only say what the result would be."""
    partition_key, action = key_and_action_of(request)
    require_media_type(request.scope["headers"], JSON)
    body = read_action_body(await request.body(), Query(request.scope), action)
    action_request = ActionRequest(action, partition_key, body.by, body.why)
    result = await asyncio.to_thread(_act, service_of(request), action_request, body.dry_run)
    return ASGIResponse(body=_encode(result))


def _act(service: Service, request: ActionRequest, dry_run: bool) -> ActionResultBody:
    operator = service.operator
    if not operator.overview.one(request.partition_key).exists:
        raise unknown(request.partition_key)
    result = operator.operations.perform(request, dry_run=dry_run)
    if not result.done:
        raise ProblemError(409, "NOT_POSSIBLE", result.message)
    return ActionResultBody(
        done=True,
        dry_run=dry_run,
        message=f"dry run, nothing was changed: {result.message}" if dry_run else result.message,
        trade_id=result.trade_id,
        outcome=result.outcome,
        captured=result.captured,
        partition=_partition_now(service, request.partition_key),
    )


def _partition_now(service: Service, partition_key: PartitionKey) -> PartitionBody | None:
    overview = service.operator.overview
    try:
        state = overview.one(partition_key)
        return partition_body(
            partition_key, state, service.gateway.settings.lanes, overview.now_ms()
        )
    except (RedisError, SQLAlchemyError):
        return None  # the action is done: an error would make the operator ask for it again
