"""`/partitions/{key}/{action}`: what an operator does to a partition."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, post
from litestar.response.base import ASGIResponse
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.api.http.media_types import JSON
from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.problem import ProblemError
from tradecapture.api.http.query import Query, require_media_type
from tradecapture.api.partitions.bodies import ActionResultBody
from tradecapture.api.partitions.request import key_and_action_of, read_asked, unknown
from tradecapture.api.service.service import Service, service_of
from tradecapture.operations.action import ActionRequest
from tradecapture.operations.views import PartitionBody, partition_body
from tradecapture.trades.partition import PartitionKey

_encode = msgspec.json.Encoder().encode


# One handler for all actions, documented by `action_paths`: of an address with a key of any kind
# before something else, only the address as sent can tell where the key ends.
@post(PARTITIONS + "/{key:path}", status_code=200, include_in_schema=False)
async def act(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Do what an operator asks for, or only say what would come of it."""
    partition_key, action = key_and_action_of(request)
    require_media_type(request.scope["headers"], JSON)
    asked = read_asked(await request.body(), Query(request.scope), action)
    wanted = ActionRequest(action, partition_key, asked.by, asked.why)
    body = await asyncio.to_thread(_act, service_of(request), wanted, asked.dry_run)
    return ASGIResponse(body=_encode(body))


def _act(service: Service, wanted: ActionRequest, dry_run: bool) -> ActionResultBody:
    operations = service.operators.operations
    if not operations.standing(wanted.partition_key).is_known:
        raise unknown(wanted.partition_key)
    deed = operations.perform(wanted, dry_run=dry_run)
    if not deed.done:
        raise ProblemError(409, "NOT_POSSIBLE", deed.message)
    return ActionResultBody(
        done=True,
        dry_run=dry_run,
        message=f"dry run, nothing was changed: {deed.message}" if dry_run else deed.message,
        trade_id=deed.trade_id,
        outcome=deed.outcome,
        captured=deed.captured,
        partition=_standing(service, wanted.partition_key),
    )


def _standing(service: Service, partition_key: PartitionKey) -> PartitionBody | None:
    standings = service.operators.standings
    try:
        standing = standings.one(partition_key)
        return partition_body(
            partition_key, standing, service.gateway.settings.lanes, standings.now_ms()
        )
    except (RedisError, SQLAlchemyError):
        return None  # it is done: the answer must not ask for it again
