"""The operators' side of a service: what looks at partitions, and what acts on them."""

from tradecapture.client import Client
from tradecapture.ledger import Ledger
from tradecapture.ledger.partition_pages import PartitionPages
from tradecapture.operations import Operations, Standings


class Operators:
    """The hands and the eyes of operators, on a ledger that can be written."""

    def __init__(self, client: Client) -> None:
        """Prepare; nothing is connected yet.

        Raises:
            SettingsError: the database is not one that the ledger can use.
        """
        settings = client.settings
        self._ledger = Ledger(settings)
        reader = PartitionPages(self._ledger.engine, self._ledger.dialect)
        self.standings = Standings(client.inbox_reader, reader)
        self.operations = Operations(
            client.inbox,
            client.inbox_reader,
            self._ledger,
            client.bell,
            patience_seconds=settings.lease_seconds,
        )

    def close(self) -> None:
        """Close all connections."""
        self._ledger.dispose()
