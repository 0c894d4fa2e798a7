"""The operators' side of a service: what looks at partitions, and what acts on them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from tradecapture.capture.bell import Bell
from tradecapture.capture.gateway import Gateway
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.ledger import check_schema
from tradecapture.ledger.queries.operator_reader import OperatorReader
from tradecapture.operations import Operations, PartitionOverview, Replay
from tradecapture.operations.transactions import OperatorLedger
from tradecapture.settings import Settings


class Operator(NamedTuple):
    """What an operator's commands work with."""

    operations: Operations
    replay: Replay
    standings: PartitionOverview
    inbox: InboxReader
    ledger: OperatorReader


@contextmanager
def open_operator(settings: Settings) -> Iterator[Operator]:
    """Open everything that an operator works with.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a server does not answer.
    """
    ledger = OperatorLedger(settings)
    try:
        with closing(Inbox.connect(settings)) as inbox:
            inbox.check_lanes()
            check_schema(ledger.engine)
            bell = Bell(
                sending_app(settings.broker, settings.connect_seconds, settings.sentinels), inbox
            )
            inbox_reader = InboxReader(inbox.redis, settings.lanes)
            reader = OperatorReader(ledger.engine, ledger.dialect)
            patience = settings.lease_seconds
            yield Operator(
                Operations(inbox, inbox_reader, ledger, bell, patience_seconds=patience),
                Replay(inbox, reader, ledger, bell),
                PartitionOverview(inbox_reader, reader),
                inbox_reader,
                reader,
            )
    finally:
        ledger.dispose()


class Operators:
    """The hands and the eyes of operators, on a ledger that can be written."""

    def __init__(self, gateway: Gateway) -> None:
        """Prepare; nothing is connected yet.

        Raises:
            SettingsError: the database is not one that the ledger can use.
        """
        settings = gateway.settings
        self._ledger = OperatorLedger(settings)
        reader = OperatorReader(self._ledger.engine, self._ledger.dialect)
        self.standings = PartitionOverview(gateway.inbox_reader, reader)
        self.operations = Operations(
            gateway.inbox,
            gateway.inbox_reader,
            self._ledger,
            gateway.bell,
            patience_seconds=settings.lease_seconds,
        )

    def close(self) -> None:
        """Close all connections."""
        self._ledger.dispose()
