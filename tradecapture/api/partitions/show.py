"""`/partitions`: how partitions stand, a page of them, or one from close by."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.query import Query
from tradecapture.api.partitions.bodies import PartitionPageBody
from tradecapture.api.partitions.documentation import PAGE_SIZE, PARTITION, PARTITION_PAGE, WAITING
from tradecapture.api.partitions.request import partition_key_of, unknown
from tradecapture.api.service.service import Service, service_of
from tradecapture.operations import MAX_PARTITIONS, MAX_WAITING
from tradecapture.operations.views import PartitionDetailBody, close_body, partition_body
from tradecapture.trades.partition import PARTITION_KEY_LENGTH, PartitionKey

_encode = msgspec.json.Encoder().encode


@get(PARTITIONS, operation_id="listPartitions", operation_class=PARTITION_PAGE)
async def partitions(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell how partitions stand, in the order of their keys."""
    query = Query(request.scope)
    limit = query.number("limit", PAGE_SIZE, 1, MAX_PARTITIONS)
    held, cursor = query.boolean("held"), query.text("cursor", PARTITION_KEY_LENGTH)
    query.check()
    body = await asyncio.to_thread(_page, service_of(request), cursor, limit, held)
    return ASGIResponse(body=_encode(body))


@get(PARTITIONS + "/{key:path}", operation_id="getPartition", operation_class=PARTITION)
async def partition(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell how a partition stands, and what waits in it."""
    partition_key = partition_key_of(request)
    query = Query(request.scope)
    waiting = query.number("waiting", WAITING, 0, MAX_WAITING)
    query.check()
    body = await asyncio.to_thread(_close_look, service_of(request), partition_key, waiting)
    return ASGIResponse(body=_encode(body))


def _page(service: Service, after: str, limit: int, held: bool | None) -> PartitionPageBody:
    standings, lanes = service.operators.standings, service.gateway.settings.lanes
    page = standings.page(after, limit, held=held)
    now_ms = standings.now_ms()
    bodies = [
        partition_body(key, standing, lanes, now_ms) for key, standing in page.standings.items()
    ]
    return PartitionPageBody(bodies, page.last, page.lanes_out_of_reach)


def _close_look(service: Service, partition_key: PartitionKey, waiting: int) -> PartitionDetailBody:
    standings = service.operators.standings
    look = standings.detail(partition_key, waiting)
    if not look.standing.is_known:
        raise unknown(partition_key)
    return close_body(partition_key, look, service.gateway.settings, standings.now_ms())
