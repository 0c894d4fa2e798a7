"""A submission: one trade, validated and ready for its inbox, with what came beside it."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from tradecapture.document import decode, digest_of, encode, expand_compact_lots
from tradecapture.partition import partition_key
from tradecapture.validation import Problem, check


class Submission(Struct, frozen=True):
    """A valid trade as it goes into the inbox: its keys, its digest and its document."""

    partition_key: str
    trade_id: str
    digest: str
    document: bytes
    correlation_id: str = ""
    callback_url: str = ""


class Invalid(Struct, frozen=True):
    """A trade that was refused because of its content, and everything that is wrong with it."""

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
        idempotency_key: of the request; written into a trade that names none itself.
        correlation_id: carried into the queue, the logs and the callback.
        callback_url: told of the trade's outcome.
    """
    try:
        document: Any = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Invalid(None, [Problem("$", f"is not JSON: {error}")])
    rewritten = isinstance(document, dict) and expand_compact_lots(document)
    trade, problems = check(document, today)
    if trade is None:
        return Invalid(_trade_id(document), problems)
    if idempotency_key and trade.idempotency_key is None:
        document["idempotencyKey"] = idempotency_key
        rewritten = True
    return Submission(
        partition_key=partition_key(trade.account_id, trade.book_id, trade.security_id),
        trade_id=trade.trade_id,
        digest=digest_of(document),
        document=encode(document) if rewritten else body,
        correlation_id=correlation_id,
        callback_url=callback_url,
    )


def _trade_id(document: Any) -> str | None:
    trade_id = document.get("tradeId") if isinstance(document, dict) else None
    return trade_id if isinstance(trade_id, str) else None
