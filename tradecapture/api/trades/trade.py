"""`/trades/capture/{tradeId}`: what became of a trade."""

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request, get
from litestar.response.base import ASGIResponse
from msgspec import UNSET, Raw

from tradecapture.api.bodies import TradeBody
from tradecapture.api.http.paths import CAPTURE
from tradecapture.api.http.problem import not_found
from tradecapture.api.service.service import service_of
from tradecapture.api.trades.documentation import TRADE
from tradecapture.capture.status import TradeStatus

_encode = msgspec.json.Encoder().encode


@get(CAPTURE + "/{tradeId:path}", operation_id="getTrade", operation_class=TRADE)
async def trade(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell what is known of a trade."""
    return await _answer(request)


# The one trade id whose address is also that of something else.
@get(CAPTURE + "/batch", include_in_schema=False)
async def trade_named_batch(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell what is known of the trade with the id "batch"."""
    return await _answer(request)


def trade_body(status: TradeStatus) -> TradeBody:
    """Return what is answered of a trade."""
    return TradeBody(
        trade_id=status.trade_id,
        status=status.status,
        partition_key=status.partition_key,
        position=status.position,
        accepted_at=status.accepted_at,
        ledger_sequence=_or_unset(status.ledger_sequence),
        captured_at=_or_unset(status.captured_at),
        task_id=_or_unset(status.task_id),
        reason=_or_unset(status.reason),
        trade=UNSET if status.document is None else _as_stored(status.document),
    )


async def _answer(request: Request[Any, Any, Any]) -> ASGIResponse:
    # From the address as sent: a trade id may hold a slash (%2F), two, or end with one.
    name = request.scope["raw_path"].partition(CAPTURE.encode() + b"/")[2]
    try:
        trade_id = unquote_to_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise not_found("the trade id in the address is not UTF-8") from error
    status = await asyncio.to_thread(service_of(request).gateway.status, trade_id)
    if status is None:
        raise not_found(f"no trade with the id {trade_id!r} was accepted")
    return ASGIResponse(body=_encode(trade_body(status)))


def _as_stored(document: bytes) -> Raw:
    """Return a document byte for byte: its decimals must not pass through a number type."""
    try:
        return msgspec.json.decode(document, type=Raw)
    except (msgspec.DecodeError, RecursionError):
        # Parked because it cannot be read: show it as text, so that the answer can be.
        return Raw(_encode(document.decode(errors="replace")))


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
