"""`/backlog`: what waits, and how many workers would find work; autoscalers ask for it."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.bodies import BacklogBody, LaneBacklogBody
from tradecapture.api.management.documentation import BACKLOG
from tradecapture.api.service.service import service_of
from tradecapture.inbox import InboxReader, UnreachableLanes
from tradecapture.settings import Settings

_encode = msgspec.json.Encoder().encode


@get("/backlog", operation_id="getBacklog", operation_class=BACKLOG)
async def backlog(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell what waits in each lane and in all, as far as lanes are in reach."""
    gateway = service_of(request).gateway
    body = await asyncio.to_thread(_body, gateway.inbox_reader, gateway.settings)
    return ASGIResponse(body=_encode(body))


def _body(reader: InboxReader, settings: Settings) -> BacklogBody:
    out_of_reach = UnreachableLanes(settings.lanes)
    works = {work.lane: work for work in reader.load(settings, out_of_reach)}
    lanes = [
        LaneBacklogBody(
            lane=work.lane,
            claims_due=work.useful_parallelism,
            partitions_due=work.due + work.claimed,
            partitions_postponed=work.postponed,
            partitions_held=work.held,
            waiting=counted.waiting,
            due_for_seconds=work.due_for_ms / 1000,
        )
        for counted in reader.backlog(out_of_reach)
        # One of the two looks may have seen a lane and the other not.
        if (work := works.get(counted.lane)) is not None
    ]
    return BacklogBody(
        claims_due=sum(lane.claims_due for lane in lanes),
        partitions_due=sum(lane.partitions_due for lane in lanes),
        partitions_postponed=sum(lane.partitions_postponed for lane in lanes),
        partitions_held=sum(lane.partitions_held for lane in lanes),
        waiting=sum(lane.waiting for lane in lanes),
        due_for_seconds=max(lane.due_for_seconds for lane in lanes),
        lanes=lanes,
        lanes_out_of_reach=out_of_reach.lanes,
    )
