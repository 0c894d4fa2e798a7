"""The gateway: one process's access to the inboxes, the bells and the ledger."""

from collections.abc import Callable, Sequence
from functools import cached_property

from msgspec import structs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.capture.bell import Bell
from tradecapture.capture.status import TradeStatus, read_status
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.ledger.queries.replica import ReplicaReader, make_replica_reader
from tradecapture.ledger.queries.search import TradeSearch
from tradecapture.ledger.queries.trade_filter import PageKey, TradeFilter, TradePage
from tradecapture.settings import Settings
from tradecapture.trades.document import decode, differing_fields
from tradecapture.trades.receipt import Answer, Refusal, RefusalCode
from tradecapture.trades.submission import Invalid, Submission


class Gateway:
    """Accepts validated trades and reads what became of them. Make one a process.

    `Client` is its public face for other services; the API uses it directly. It is safe to use
    from several threads.
    """

    def __init__(self, settings: Settings, *, check: bool = True) -> None:
        """Prepare the connections.

        Args:
            settings: those of the whole deployment.
            check: whether to connect to Redis now and compare its lane count with the settings'.
                With another lane count, trades would go where no worker looks for them; so a
                caller that passes False calls `inbox.check_lane_count` before its first submission.

        Raises:
            LaneCountError: Redis was first used with another lane count.
            redis.exceptions.RedisError: Redis does not answer.
        """
        self.settings = settings
        self.inbox = Inbox.connect(settings)
        self.redis = self.inbox.redis
        if check:
            self.inbox.check_lane_count()
        self.inbox_reader = InboxReader(self.redis, settings.lanes)
        self.bell = Bell(
            sending_app(settings.broker, settings.connect_seconds, settings.sentinels), self.inbox
        )

    @cached_property
    def replica_reader(self) -> ReplicaReader:
        """The reader of the ledger and of its replica, made at its first use.

        Raises:
            SettingsError: a URL names no database that the ledger can use.
        """
        return make_replica_reader(self.settings, self.settings.pool_size)

    @property
    def ledger(self) -> TradeSearch:
        """The reader of the ledger itself, never of a replica."""
        return self.replica_reader.ledger

    def accept(self, submissions: Sequence[Submission | Invalid]) -> list[Answer]:
        """Put valid trades into their inboxes, ring the bells, and refuse invalid trades.

        Returns:
            One answer a submission, in their order.
        """
        valid = [item for item in submissions if isinstance(item, Submission)]
        acceptance = self.inbox.accept(valid)
        self.bell.ring(acceptance.lanes_to_ring)
        answers = iter(acceptance.answers)
        return [
            self._name_differences(next(answers), item)
            if isinstance(item, Submission)
            else _refusal(item)
            for item in submissions
        ]

    def status(self, trade_id: str) -> TradeStatus | None:
        """Return the status of an accepted trade; None if no such trade was accepted.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
            sqlalchemy.exc.SQLAlchemyError: the ledger does not answer.
        """
        return read_status(self.replica_reader, self.inbox_reader, trade_id)

    def search(
        self,
        trade_filter: TradeFilter,
        after: PageKey | None,
        limit: int,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> TradePage:
        """Find trades in the replica or the ledger; see `TradeSearch.search`.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: neither the replica nor the ledger answers.
        """
        return self.replica_reader.may_be_stale(
            lambda ledger: ledger.search(trade_filter, after, limit, may_go_on)
        )

    def close(self) -> None:
        """Close the connections to Redis and to the ledger."""
        self.redis.close()
        if "replica_reader" in self.__dict__:
            self.replica_reader.close()

    def _name_differences(self, answer: Answer, submission: Submission) -> Answer:
        """Add to a conflict the fields in which the trade differs from the first with its id."""
        if not isinstance(answer, Refusal) or answer.code != RefusalCode.CONFLICT:
            return answer
        try:
            first = self._first_document(submission.trade_id)
        except (RedisError, SQLAlchemyError):
            # The answer is right without the fields, and the other trades are already accepted.
            first = None
        if first is None:
            return answer
        names = ", ".join(differing_fields(decode(first), decode(submission.document)))
        return structs.replace(answer, message=f"{answer.message}; these fields differ: {names}")

    def _first_document(self, trade_id: str) -> bytes | None:
        seen = self.inbox_reader.accepted_trade(trade_id)
        entry = self.inbox_reader.entry(seen.partition_key, seen.position) if seen else None
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
