"""The operator's tools: what acts on partitions and reads them, made once for API and commands."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tradecapture.capture.gateway import Gateway
from tradecapture.ledger import check_schema
from tradecapture.ledger.queries.operator_reader import OperatorReader
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.operations import Operations
from tradecapture.operations.overview import PartitionOverview
from tradecapture.operations.replay import Replay
from tradecapture.settings import Settings


class Operator:
    """What an operator works with, on the Redis of a gateway and on a ledger of its own.

    Safe to use from several threads.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Prepare; nothing is connected yet.

        Raises:
            SettingsError: the URL is of no database that the ledger can use.
        """
        self.inbox_reader = gateway.inbox_reader
        self.ledger = OperatorLedger(gateway.settings)
        self.ledger_reader = OperatorReader(self.ledger.engine, self.ledger.dialect)
        self.overview = PartitionOverview(self.inbox_reader, self.ledger_reader)
        self.operations = Operations(
            gateway.inbox,
            self.inbox_reader,
            self.overview,
            self.ledger,
            gateway.bell,
            claim_timeout_seconds=gateway.settings.lease_seconds,
        )
        self.replay = Replay(gateway.inbox, self.ledger_reader, self.ledger, gateway.bell)

    def close(self) -> None:
        """Close the connections to the database; those to Redis are the gateway's."""
        self.ledger.dispose()


@contextmanager
def open_operator(settings: Settings) -> Iterator[Operator]:
    """Open everything that an operator works with, and check lanes and schema.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a server does not answer.
    """
    with (
        closing(Gateway(settings, check=False)) as gateway,
        closing(Operator(gateway)) as operator,
    ):
        gateway.inbox.check_lane_count()
        check_schema(operator.ledger.engine)
        yield operator
