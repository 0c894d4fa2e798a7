"""`GET /partitions` and `GET /partitions/{key}`: a page of partitions, or one in detail."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.query import Query
from tradecapture.api.partitions.bodies import PartitionPageBody
from tradecapture.api.partitions.documentation import (
    DEFAULT_PAGE_SIZE,
    DEFAULT_WAITING,
    PARTITION,
    PARTITION_PAGE,
)
from tradecapture.api.partitions.request import partition_key_of, unknown
from tradecapture.api.service.service import Service, service_of
from tradecapture.operations import MAX_PARTITIONS, MAX_WAITING
from tradecapture.operations.views import PartitionDetailBody, detail_body, partition_body
from tradecapture.trades.partition import PARTITION_KEY_LENGTH, PartitionKey

_encode = msgspec.json.Encoder().encode


@get(PARTITIONS, operation_id="listPartitions", operation_class=PARTITION_PAGE)
async def partitions(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return a page of partitions, in the order of their keys."""
    query = Query(request.scope)
    limit = query.number("limit", DEFAULT_PAGE_SIZE, 1, MAX_PARTITIONS)
    held, cursor = query.boolean("held"), query.text("cursor", PARTITION_KEY_LENGTH)
    query.check()
    body = await asyncio.to_thread(_page, service_of(request), cursor, limit, held)
    return ASGIResponse(body=_encode(body))


@get(PARTITIONS + "/{key:path}", operation_id="getPartition", operation_class=PARTITION)
async def partition(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return a partition in detail."""
    partition_key = partition_key_of(request)
    query = Query(request.scope)
    max_waiting = query.number("waiting", DEFAULT_WAITING, 0, MAX_WAITING)
    query.check()
    body = await asyncio.to_thread(_detail, service_of(request), partition_key, max_waiting)
    return ASGIResponse(body=_encode(body))


def _page(service: Service, after: str, limit: int, held: bool | None) -> PartitionPageBody:
    overview, lanes = service.operator.overview, service.gateway.settings.lanes
    page = overview.page(after, limit, held=held)
    now_ms = overview.now_ms()
    bodies = [
        partition_body(partition_key, state, lanes, now_ms)
        for partition_key, state in page.states.items()
    ]
    return PartitionPageBody(bodies, page.last, page.lanes_out_of_reach)


def _detail(service: Service, partition_key: PartitionKey, max_waiting: int) -> PartitionDetailBody:
    overview = service.operator.overview
    detail = overview.detail(partition_key, max_waiting)
    if not detail.state.exists:
        raise unknown(partition_key)
    return detail_body(partition_key, detail, service.gateway.settings, overview.now_ms())
