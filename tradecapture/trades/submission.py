"""A submission: one valid trade, ready for its inbox, with the metadata of its request."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from tradecapture.trades.document import (
    MAX_NESTING_LEVELS,
    decode,
    digest_of,
    encode,
    expand_compact_lots,
    is_nested_too_deeply,
)
from tradecapture.trades.partition import PartitionKey, make_partition_key
from tradecapture.trades.problems import Problem
from tradecapture.trades.trade import utf16_length
from tradecapture.trades.validation import validate

CORRELATION_ID_LENGTH = 128  # UTF-16 units at most; a UUID has 36, a W3C traceparent 55
CALLBACK_URL_LENGTH = 2000  # UTF-16 units at most; browsers and proxies accept that much


class Submission(Struct, frozen=True):
    """A valid trade as it goes into its inbox."""

    partition_key: PartitionKey
    trade_id: str
    digest: str
    document: bytes  # its JSON
    correlation_id: str = ""
    callback_url: str = ""
    sequence_number: int | None = None  # upstream's number within the partition
    replay_of: str = ""  # "epoch:position" of the trade that an operator replays; empty: none


class Invalid(Struct, frozen=True):
    """A trade whose content is not valid, and all its problems."""

    trade_id: str | None
    problems: Sequence[Problem]


def read_submission(
    body: bytes,
    today: date,
    *,
    idempotency_key: str = "",
    correlation_id: str = "",
    callback_url: str = "",
) -> Submission | Invalid:
    """Validate the JSON of one trade.

    Args:
        body: the trade as received; kept byte for byte unless it uses compact lots.
        today: the current date in UTC.
        idempotency_key: the request's key; written into a trade that has none.
        correlation_id: goes into the queue, the logs and the callback.
        callback_url: is told the outcome of the trade.
    """
    try:
        document: Any = decode(body)
    except msgspec.DecodeError as error:
        return Invalid(None, [Problem("$", f"is not JSON: {error}")])
    if is_nested_too_deeply(body, document):
        return Invalid(
            _trade_id(document),
            [Problem("$", f"is nested deeper than {MAX_NESTING_LEVELS} levels")],
        )
    rewritten = isinstance(document, dict) and expand_compact_lots(document)
    if idempotency_key and isinstance(document, dict) and document.get("idempotencyKey") is None:
        document["idempotencyKey"] = idempotency_key
        rewritten = True
    trade, problems = validate(document, today)
    problems += _metadata_problems("correlationId", correlation_id, CORRELATION_ID_LENGTH)
    problems += _metadata_problems("callbackUrl", callback_url, CALLBACK_URL_LENGTH)
    if trade is None or problems:
        return Invalid(_trade_id(document), problems)
    return Submission(
        partition_key=make_partition_key(trade.account_id, trade.book_id, trade.security_id),
        trade_id=trade.trade_id,
        digest=digest_of(document),
        document=encode(document) if rewritten else body,
        correlation_id=correlation_id,
        callback_url=callback_url,
        sequence_number=trade.sequence_number,
    )


def _metadata_problems(name: str, text: str, max_length: int) -> list[Problem]:
    """Return what is wrong with a text of the request, which goes into the ledger too."""
    if text.isprintable() and utf16_length(text) <= max_length:
        return []
    return [Problem(name, f"must hold at most {max_length} characters, printable ones only")]


def _trade_id(document: Any) -> str | None:
    trade_id = document.get("tradeId") if isinstance(document, dict) else None
    return trade_id if isinstance(trade_id, str) else None
