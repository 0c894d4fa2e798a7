"""The client: submits trades and reads what became of them, from any Python service."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Self

from tradecapture.capture.gateway import Gateway
from tradecapture.capture.status import TradeStatus, await_outcomes
from tradecapture.ledger.queries.trade_filter import PageKey, TradeFilter, TradePage
from tradecapture.settings import Settings
from tradecapture.trades.document import encode
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import Answer
from tradecapture.trades.submission import Invalid, Submission, read_submission
from tradecapture.trades.trade import is_trade_id

# A trade with the field names of the HTTP API, or its JSON.
TradeInput = Mapping[str, Any] | bytes


class Client:
    """Submits trades to the fleet and reads what became of them.

    Make one a process; it is safe to use from several threads. As a context manager it closes its
    connections at the end:

        with Client.from_environment() as client:
            answer = client.submit(trade)

    A trade is a mapping with the field names of the HTTP API, or its JSON as UTF-8 bytes. An
    answer is a value: a `Receipt` for a trade that is safe on disk, or a `Refusal` that says why
    the trade was not accepted and what to do. Submitting a trade again is always harmless.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect to Redis and check that it was set up with the same number of lanes.

        The database is connected to when it is first read.

        Args:
            settings: those of the whole deployment.

        Raises:
            LaneCountError: Redis was first used with another lane count.
            redis.exceptions.RedisError: Redis does not answer.
        """
        self._gateway = Gateway(settings)

    @classmethod
    def from_environment(cls) -> Self:
        """Make a client with the settings of the environment (docs/reference/settings.md).

        Raises:
            SettingsError: a variable cannot be used; the message names it.
            LaneCountError, redis.exceptions.RedisError: see `Client`.
        """
        return cls(Settings.from_environment(os.environ))

    def submit(
        self,
        trade: TradeInput,
        *,
        idempotency_key: str = "",
        correlation_id: str = "",
        callback_url: str = "",
    ) -> Answer:
        """Submit one trade.

        Args:
            trade: a mapping with the field names of the HTTP API, or its JSON as UTF-8 bytes.
                Give decimals as `Decimal`, `int` or text.
            idempotency_key: 1 to 100 printable characters; empty: the trade's own key, or its id.
            correlation_id: text to find the trade by in logs, at most 128 printable characters.
            callback_url: http or https address to tell of the outcome; empty: none.

        Returns:
            A `Receipt` if the trade is safe on disk, also if it was accepted before; otherwise a
            `Refusal`. A Redis that does not answer is a refusal too (`RefusalCode.UNAVAILABLE`).
        """
        submission = _read(
            trade,
            _today(),
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
            callback_url=callback_url,
        )
        return self._gateway.accept([submission])[0]

    def submit_many(
        self, trades: Iterable[TradeInput], *, correlation_id: str = ""
    ) -> list[Answer]:
        """Submit trades in a few round trips. Trades of a partition keep the order given here.

        Args:
            trades: each as for `submit`. About 1,000 a call are cheapest.
            correlation_id: text to find the trades by in logs, at most 128 printable characters.

        Returns:
            One answer a trade, in the order of the trades. A refused trade stops no other.
        """
        today = _today()
        return self._gateway.accept(
            [_read(trade, today, correlation_id=correlation_id) for trade in trades]
        )

    def wait(self, trade_ids: Iterable[str], timeout: float) -> dict[str, Outcome]:
        """Wait until every trade has an outcome in the ledger, or the time is over.

        Args:
            trade_ids: ids of accepted trades.
            timeout: how long to wait, in seconds; 0: only look once.

        Returns:
            The outcome of each trade that has one. A trade without an outcome in time is not in
            it: such a trade is still in its inbox, or buffered, or was never accepted; `status`
            tells which.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the ledger does not answer.
        """
        # Other texts never have an outcome, and some of them no database can take.
        valid_ids = [trade_id for trade_id in trade_ids if is_trade_id(trade_id)]
        return await_outcomes(self._gateway.replica_reader, valid_ids, timeout)

    def status(self, trade_id: str) -> TradeStatus | None:
        """Return the status of an accepted trade; None if no trade with this id was accepted.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
            sqlalchemy.exc.SQLAlchemyError: the ledger does not answer.
        """
        return self._gateway.status(trade_id)

    def search(
        self,
        trade_filter: TradeFilter,
        after: PageKey | None = None,
        limit: int = 100,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> TradePage:
        """Find trades in the ledger, page by page. Trades still in an inbox are not found.

        A replica, if the settings name one, is read first; its trades may be some seconds old.

        Args:
            trade_filter: the trades to find; `TradeFilter()` finds all.
            after: `TradePage.last` of the page before; None: begin with the first trade.
            limit: trades on the page, at most.
            may_go_on: called after each part of the scan; if it returns False, the page ends
                early, with the trades found so far and a key where the next page begins.

        Returns:
            A page; its `last` is None if no more trades follow.

        Raises:
            PageKeyError: `after` cannot be a key of this search.
            sqlalchemy.exc.SQLAlchemyError: neither the replica nor the ledger answers.
        """
        return self._gateway.search(trade_filter, after, limit, may_go_on)

    def close(self) -> None:
        """Close the connections to Redis and to the ledger."""
        self._gateway.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connections, also after an error."""
        self.close()


def _read(trade: TradeInput, today: date, **options: str) -> Submission | Invalid:
    if isinstance(trade, bytes):
        return read_submission(trade, today, **options)
    try:
        body = encode(dict(trade))
    except UnicodeEncodeError:
        return Invalid(None, list(_surrogate_problems(trade)))
    return read_submission(body, today, **options)


def _surrogate_problems(trade: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each field with half of a surrogate pair: UTF-8 cannot encode it."""
    for name, value in trade.items():
        try:
            encode({name: value})
        except UnicodeEncodeError:
            message = "holds half of a surrogate pair, which is no character"
            yield Problem(f"$.{ascii(name)[1:-1]}", message)


def _today() -> date:
    return datetime.now(UTC).date()
