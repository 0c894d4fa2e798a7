"""`/backlog`: what waits, and how many workers would find work. Autoscalers read it."""

import asyncio
from typing import Any

from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.responses import json_response
from tradecapture.api.management.bodies import BacklogBody, LaneBacklogBody
from tradecapture.api.management.documentation import BACKLOG
from tradecapture.api.service.service import service_of
from tradecapture.inbox import InboxReader, UnreachableLanes
from tradecapture.settings import Settings


@get("/backlog", operation_id="getBacklog", operation_class=BACKLOG)
async def backlog(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return what waits in each lane, and in all lanes that can be read."""
    gateway = service_of(request).gateway
    return json_response(await asyncio.to_thread(_body, gateway.inbox_reader, gateway.settings))


def _body(reader: InboxReader, settings: Settings) -> BacklogBody:
    unreachable = UnreachableLanes(settings.lanes)
    loads = {load.lane: load for load in reader.load(settings, unreachable)}
    lanes = [
        LaneBacklogBody(
            lane=load.lane,
            claims_due=load.useful_parallelism,
            partitions_due=load.due + load.claimed,
            partitions_postponed=load.postponed,
            partitions_held=load.held,
            waiting=counted.waiting,
            due_for_seconds=load.due_for_ms / 1000,
        )
        for counted in reader.backlog(unreachable)
        # A lane may have been reachable for only one of the two reads.
        if (load := loads.get(counted.lane)) is not None
    ]
    return BacklogBody(
        claims_due=sum(lane.claims_due for lane in lanes),
        partitions_due=sum(lane.partitions_due for lane in lanes),
        partitions_postponed=sum(lane.partitions_postponed for lane in lanes),
        partitions_held=sum(lane.partitions_held for lane in lanes),
        waiting=sum(lane.waiting for lane in lanes),
        due_for_seconds=max(lane.due_for_seconds for lane in lanes),
        lanes=lanes,
        lanes_out_of_reach=unreachable.lanes,
    )
