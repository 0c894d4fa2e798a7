"""A worker in this process: its inbox, its ledger and its capture, on real servers."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from redis import Redis

from tests.support.builders import partition_of
from tests.support.ledger.ledger_snapshot import trade_rows
from tradecapture.capture.capture import Capture, CaptureSummary
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, Inbox, InboxReader
from tradecapture.ledger import Ledger, LedgerReader, PartitionResult
from tradecapture.ledger.transaction import Clock
from tradecapture.operations.reconciliation import reconcile
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.receipt import Receipt
from tradecapture.trades.submission import Submission

PATIENCE_SECONDS = 20.0
BUDGET_SECONDS = 10.0

ONE, TWO, THREE = (partition_of(book) for book in ("B1", "B2", "B3"))


class Worker:
    """A worker without Celery. A test may pass a ledger that stalls or fails."""

    def __init__(
        self,
        redis: "Redis",
        settings: Settings,
        owner: str = "worker",
        ledger: Ledger | None = None,
    ) -> None:
        """Prepare to work."""
        self.inbox = Inbox(redis, settings)
        self.ledger = ledger or Ledger(settings)
        self.capture = Capture(self.inbox, self.ledger, LeaseRenewer(self.inbox), owner)
        self.reader = LedgerReader(self.ledger.engine, self.ledger.dialect)
        self.inbox_reader = InboxReader(redis, settings.lanes)

    def accept(self, *batch: Submission) -> None:
        """Accept trades; all of them must be accepted."""
        answers = self.inbox.accept(batch).answers
        assert all(isinstance(answer, Receipt) for answer in answers), answers

    def drain(self, budget_seconds: float = BUDGET_SECONDS) -> CaptureSummary:
        """Capture what is due in lane 0, as for a bell."""
        return self.capture.drain(0, "task-1", budget_seconds)

    def drain_until(self, holds: Callable[[], bool]) -> Counter[Outcome]:
        """Drain lane 0 again and again, as the sweep rings its bell, until a condition is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        outcomes: Counter[Outcome] = Counter()
        while True:
            outcomes += self.drain().outcomes
            if holds():
                return outcomes
            assert time.monotonic() < deadline, "the condition never became true"
            time.sleep(0.005)

    def waiting(self) -> dict[str, int]:
        """Return how many trades wait in each partition; partitions without any are left out."""
        rows = self.inbox_reader.partitions()
        return {row.partition_key: row.waiting for row in rows if row.waiting}

    def held(self) -> dict[str, str]:
        """Return the partitions that are held, and why."""
        return {
            row.partition_key: row.hold.why for row in self.inbox_reader.partitions() if row.hold
        }

    def captured(self) -> dict[str, list[str]]:
        """Return the ids of the captured trades of each partition, in the ledger's order."""
        rows = groupby(trade_rows(self.ledger), key=lambda row: row.partition_key)
        return {partition: [row.trade_id for row in group] for partition, group in rows}

    def assert_all_is_accounted_for(self) -> None:
        """Check that no trade is lost, doubled or out of order."""
        rows = reconcile(self.inbox_reader.partitions(), self.reader.outcome_counts())
        assert {row.partition_key: row.difference for row in rows if row.difference} == {}
        assert (self.reader.count_inversions(), self.reader.count_broken_sequences()) == (0, 0)


class StallingLedger(Ledger):
    """A ledger that stalls before or after a capture, while a test does something else."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing happens during the stalls yet."""
        super().__init__(settings)
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        """Capture; run what the test has put before and after it."""
        while self.before:
            self.before.pop()()
        results = super().capture(claim, task_id, clock)
        while self.after:
            self.after.pop()()
        return results


def with_short_leases(settings: Settings) -> Settings:
    """Return settings with leases that end during a test."""
    return replace(settings, lease_seconds=0.05)


def ids(book: str, number: int) -> list[str]:
    """Return the ids of the first submissions of a book."""
    return [f"{book}-{index}" for index in range(1, number + 1)]
