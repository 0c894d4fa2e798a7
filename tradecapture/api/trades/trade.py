"""`GET /trades/capture/{tradeId}`: the status of a trade."""

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.paths import CAPTURE
from tradecapture.api.http.problem import not_found
from tradecapture.api.http.responses import json_response
from tradecapture.api.service.service import service_of
from tradecapture.api.trades.documentation import TRADE
from tradecapture.capture.status import trade_body


@get(CAPTURE + "/{tradeId:path}", operation_id="getTrade", operation_class=TRADE)
async def trade(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return the status of a trade."""
    return await _answer(request)


# `POST /trades/capture/batch` would take this address away from the trade with the id "batch".
@get(CAPTURE + "/batch", include_in_schema=False)
async def trade_named_batch(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return the status of the trade with the id "batch"."""
    return await _answer(request)


async def _answer(request: Request[Any, Any, Any]) -> ASGIResponse:
    # The raw path keeps the encoded slashes (%2F) of an id apart from the slashes of the address.
    name = request.scope["raw_path"].partition(CAPTURE.encode() + b"/")[2]
    try:
        trade_id = unquote_to_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise not_found("the trade id in the address is not UTF-8") from error
    status = await asyncio.to_thread(service_of(request).gateway.status, trade_id)
    if status is None:
        raise not_found(f"no trade with the id {trade_id!r} was accepted")
    return json_response(trade_body(status))
