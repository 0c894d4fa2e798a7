"""A deployment whose inboxes are on a cluster, and whose bells are on a plain Redis."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from tests.support.builders import partition_of, submissions
from tests.support.deployment.deployment import POSTGRESQL, Deployment
from tests.support.history.event import Said
from tests.support.history.history import History
from tests.support.servers.redis.cluster_servers import ClusterServers, NodeServer
from tradecapture.capture.gateway import Gateway
from tradecapture.trades.partition import lane_of
from tradecapture.trades.receipt import Answer, Receipt


class ClusterDeployment(Deployment):
    """A deployment on PostgreSQL and a Redis Cluster; a separate plain Redis carries the bells."""

    def __init__(self, folder: Path, replicas: int = 0) -> None:
        """Prepare a deployment.

        Args:
            folder: of all data and logs.
            replicas: how many of the cluster's masters have a replica each.
        """
        super().__init__(folder, POSTGRESQL)
        self.cluster = ClusterServers(folder / "cluster", replicas=replicas)

    def __enter__(self) -> Self:
        """Start the servers."""
        super().__enter__()
        self._running.enter_context(self.cluster)
        self.settings = replace(
            self.settings, redis_url=self.cluster.url, broker_url=self.redis_server.url
        )
        return self

    def books_of(self, node: NodeServer) -> list[str]:
        """Return one book for each lane of a node; the book's partition is in that lane."""
        books: dict[int, str] = {}
        for number in range(1000):
            lane = lane_of(partition_of(f"N{number}"), self.settings.lanes)
            books.setdefault(lane, f"N{number}")
        return [books[lane] for lane in self.cluster.lanes_of(node, self.settings.lanes)]


class Books:
    """Sends trades of chosen books, and records each answer in the history."""

    def __init__(self, gateway: Gateway, history: History) -> None:
        """Prepare to send through a gateway."""
        self._gateway, self._log = gateway, history.log("books")
        self._sent: dict[str, int] = {}

    def send(self, books: Sequence[str], each: int = 3) -> list[Answer]:
        """Send the next trades of each book in one call; return the answers.

        Trades that were refused are sent again by the next call.
        """
        batch = [
            trade
            for book in books
            for trade in submissions(each, book, self._sent.get(book, 0) + 1)
        ]
        for trade in batch:
            self._log.invoked(trade.trade_id, trade.partition_key, trade.digest)
        answers = self._gateway.accept(batch)
        for trade, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Receipt):
                self._log.answered(trade.trade_id, Said.ACCEPTED, answer.position)
            else:
                self._log.answered(trade.trade_id, Said.UNKNOWN, detail=answer.message)
        for index, book in enumerate(books):
            if all(isinstance(answer, Receipt) for answer in answers[index * each :][:each]):
                self._sent[book] = self._sent.get(book, 0) + each
        return answers

    def captured(self, books: Sequence[str]) -> int:
        """Return how many trades of some books the ledger has captured."""
        keys = {partition_of(book) for book in books}
        rows: Any = self._gateway.ledger.partitions()
        return sum(row.last_sequence for row in rows if row.partition_key in keys)
