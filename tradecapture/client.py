"""The client: submits trades and asks what became of them, from any Python service."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from msgspec import structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.capture.bell import Bell
from tradecapture.capture.status import TradeStatus, read_status
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox, InboxReader, connect_inboxes
from tradecapture.ledger.queries.replica import ReplicaReader, make_replica_reader
from tradecapture.ledger.queries.search import TradeSearch
from tradecapture.ledger.queries.trade_filter import PageKey, TradeFilter, TradePage
from tradecapture.settings import Settings
from tradecapture.trades.document import decode, differing_fields, encode
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import Answer, Refusal, RefusalCode
from tradecapture.trades.submission import Invalid, Submission, read_submission

Trade = Mapping[str, Any] | bytes


class Client:
    """Submits trades to the fleet. Safe to use from several threads; make one a process.

    A trade is a mapping with the wire's field names, or its JSON as bytes. An answer is a value:
    a `Receipt` for a trade that is safe on disk, or a `Refusal` that says why it was not accepted
    and what to do. Sending a trade again is always harmless.
    """

    def __init__(self, settings: Settings, *, check: bool = True) -> None:
        """Prepare to submit.

        Args:
            settings: of the whole deployment.
            check: False: connect to nothing yet; call `inbox.check_lanes` before submitting.

        Raises:
            LaneCountError: Redis was first used with another lane count.
            redis.exceptions.RedisError: Redis is out of reach.
        """
        self.settings = settings
        self.redis = connect_inboxes(settings)
        self.inbox = Inbox(self.redis, settings)
        if check:
            self.inbox.check_lanes()
        self.inbox_reader = InboxReader(self.redis, settings.lanes)
        self.bell = Bell(sending_app(settings.broker, settings.sentinels), self.inbox)

    @classmethod
    def from_environment(cls) -> "Client":
        """Make a client with the settings of the environment; see the reference of settings."""
        return cls(Settings.from_environment(os.environ))

    @cached_property
    def readers(self) -> ReplicaReader:
        """The ledger's reading side, and its replica's; connect when first asked something."""
        return make_replica_reader(self.settings, self.settings.pool_size)

    @property
    def ledger(self) -> TradeSearch:
        """The reading side of the ledger itself, never of a replica."""
        return self.readers.ledger

    def submit(
        self,
        trade: Trade,
        *,
        idempotency_key: str = "",
        correlation_id: str = "",
        callback_url: str = "",
    ) -> Answer:
        """Submit one trade."""
        submission = _read(
            trade,
            _today(),
            idempotency_key=idempotency_key,
            correlation_id=correlation_id,
            callback_url=callback_url,
        )
        return self.accept([submission])[0]

    def submit_many(self, trades: Iterable[Trade], *, correlation_id: str = "") -> list[Answer]:
        """Submit trades, those of a partition in the order given; one answer each, in their order.

        All are sent in a few round trips: give thousands at a time.
        """
        today = _today()
        return self.accept([_read(trade, today, correlation_id=correlation_id) for trade in trades])

    def accept(self, submissions: Sequence[Submission | Invalid]) -> list[Answer]:
        """Put validated trades into their inboxes and ring; refuse the invalid ones."""
        valid = [item for item in submissions if isinstance(item, Submission)]
        acceptance = self.inbox.accept(valid)
        self.ring(acceptance.ring)
        answers = iter(acceptance.answers)
        return [
            self._explained(next(answers), item) if isinstance(item, Submission) else _refusal(item)
            for item in submissions
        ]

    def ring(self, lanes: Sequence[int]) -> None:
        """Ring lanes' bells; where the broker is out of reach, leave it to the sweep."""
        self.bell.ring(lanes)

    def status(self, trade_id: str) -> TradeStatus | None:
        """Return what is known of an accepted trade; None: no such trade was accepted.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: out of reach.
        """
        return read_status(self.readers, self.inbox_reader, trade_id)

    def search(
        self,
        wanted: TradeFilter,
        after: PageKey | None,
        limit: int,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> TradePage:
        """Find trades in the ledger, or in its replica; see `TradeSearch.search`.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: neither answers.
        """
        return self.readers.may_be_stale(
            lambda ledger: ledger.search(wanted, after, limit, may_go_on)
        )

    def close(self) -> None:
        """Close all connections."""
        self.redis.close()
        if "readers" in self.__dict__:
            self.readers.close()

    def _explained(self, answer: Answer, submission: Submission) -> Answer:
        """Name the fields in which a trade differs from the first one with its id."""
        if not isinstance(answer, Refusal) or answer.code != RefusalCode.CONFLICT:
            return answer
        try:
            first = self._first_document(submission.trade_id)
        except (RedisError, SQLAlchemyError):
            # The answer is right without the names, and the trades beside it are accepted.
            first = None
        if first is None:
            return answer
        names = ", ".join(differing_fields(decode(first), decode(submission.document)))
        return structs.replace(answer, message=f"{answer.message}; these fields differ: {names}")

    def _first_document(self, trade_id: str) -> bytes | None:
        seen = self.inbox_reader.seen(trade_id)
        entry = self.inbox_reader.entry(seen.partition, seen.position) if seen else None
        if entry is not None:
            return entry.submission.document
        status = self.status(trade_id)
        return status.document if status else None


def _refusal(invalid: Invalid) -> Refusal:
    count = len(invalid.problems)
    return Refusal(
        invalid.trade_id,
        RefusalCode.INVALID,
        f"the trade is not valid: {count} problem{'s' if count > 1 else ''}; "
        + "; ".join(f"{problem.path} {problem.message}" for problem in invalid.problems),
        invalid.problems,
    )


def _read(trade: Trade, today: date, **beside: str) -> Submission | Invalid:
    if isinstance(trade, bytes):
        return read_submission(trade, today, **beside)
    try:
        body = encode(dict(trade))
    except UnicodeEncodeError:
        return Invalid(None, list(_unsound_texts(trade)))
    return read_submission(body, today, **beside)


def _unsound_texts(trade: Mapping[str, Any]) -> Iterator[Problem]:
    """Name the fields that hold what no JSON text can."""
    for name, value in trade.items():
        try:
            encode({name: value})
        except UnicodeEncodeError:
            message = "holds half of a surrogate pair, which is no character"
            yield Problem(f"$.{ascii(name)[1:-1]}", message)


def _today() -> date:
    return datetime.now(UTC).date()
