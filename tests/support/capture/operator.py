"""An operator in this process, on real servers, whose command may die between ledger and Redis."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support.builders import submission, submissions
from tests.support.capture.worker import ONE, Worker
from tests.support.inbox.redis_snapshot import KEYS
from tests.support.ledger.ledger_snapshot import exception_rows
from tradecapture.capture.bell import Bell
from tradecapture.capture.messages import queue_of
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Claim, Inbox, InboxReader
from tradecapture.ledger import AuditRow, PartitionResult
from tradecapture.ledger.queries.operator_reader import OperatorReader
from tradecapture.operations import Action, ActionRequest, ActionResult
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.operations import Operations
from tradecapture.operations.overview import PartitionOverview
from tradecapture.operations.replay import Replay
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey

WHO, WHY = "ann", "the feed was corrected"
LEASE_SECONDS = 10.0  # of an operator's claim; no stall of a busy machine lets it expire
DEAD_LEASE_MS = 200  # what is left of a dead operator's lease: tests need not wait for all of it
CLAIM_TIMEOUT_SECONDS = 20.0
POISON = "poison"


class Operator:
    """An operator; other than the product's `Operator`, with a lease and a ledger of its own."""

    def __init__(
        self,
        redis: "Redis",
        settings: Settings,
        claim_timeout_seconds: float = CLAIM_TIMEOUT_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        ledger: OperatorLedger | None = None,
    ) -> None:
        """Prepare to work."""
        self.redis = redis
        self.inbox = Inbox(redis, replace(settings, lease_seconds=lease_seconds))
        self.ledger = ledger or OperatorLedger(settings)
        self.reader = OperatorReader(self.ledger.engine, self.ledger.dialect)
        bell = Bell(sending_app(settings.broker, settings.connect_seconds), self.inbox)
        inbox_reader = InboxReader(redis, settings.lanes)
        self.overview = PartitionOverview(inbox_reader, self.reader)
        self.operations = Operations(
            self.inbox,
            inbox_reader,
            self.overview,
            self.ledger,
            bell,
            claim_timeout_seconds=claim_timeout_seconds,
        )
        self.replay = Replay(self.inbox, self.reader, self.ledger, bell)

    def perform(
        self, action: Action, partition_key: PartitionKey = ONE, *, dry_run: bool = False
    ) -> ActionResult:
        """Perform an action on a partition."""
        return self.operations.perform(
            ActionRequest(action, partition_key, WHO, WHY), dry_run=dry_run
        )

    def before(self, call: str, event: Callable[[], object]) -> None:
        """Let an event happen once, just before a call of the inbox."""
        real = getattr(self.inbox, call)

        def first(*arguments: Any, **named: Any) -> Any:
            setattr(self.inbox, call, real)
            event()
            return real(*arguments, **named)

        setattr(self.inbox, call, first)

    def die_at(self, call: str) -> None:
        """Let the command die once, just before a call of the inbox."""

        def die() -> None:
            self.redis.pexpire(KEYS.lock(ONE), DEAD_LEASE_MS)
            raise RedisConnectionError("the operator's host is gone")

        self.before(call, die)

    def audit_rows(self) -> list[AuditRow]:
        """Return the audit, the oldest row first."""
        return self.reader.audit(partition_key=None, limit=1000)[::-1]

    def bells(self) -> int:
        """Return how many capture tasks wait for the lane."""
        return self.redis.llen(queue_of(0))


class FailingLedger(OperatorLedger):
    """The ledger of a release that cannot capture one kind of trade; another release can."""

    def capture(
        self, claim: Claim, task_id: str, clock: Callable[[], datetime]
    ) -> list[PartitionResult]:
        """Refuse a claim that holds a poisoned trade."""
        for claimed in claim.partitions:
            if any(entry.submission.trade_id.startswith(POISON) for entry in claimed.entries):
                raise ValueError("this release cannot capture that")
        return super().capture(claim, task_id, clock)


def halt(failing_worker: Worker) -> None:
    """Let a poisoned trade halt the partition; two more trades wait after it."""
    failing_worker.accept(*submissions(1, "B1"), submission(POISON, "B1"))
    failing_worker.drain()
    failing_worker.accept(*submissions(2, "B1", 2))
    assert failing_worker.drain().outcomes == {}
    assert ONE in failing_worker.held()
    failing_worker.inbox.clear_bell(0)


def parked(worker: Worker) -> list[str]:
    """Return the ids of the parked trades."""
    return [row.trade_id for row in exception_rows(worker.ledger) if row.outcome == "PARKED"]


def accept_foreign(worker: Worker) -> bytes:
    """Put an entry that no release can read into the inbox; return the entry."""
    redis = worker.inbox.redis
    position = redis.hincrby(KEYS.positions, ONE, 1)
    redis.hincrby(KEYS.backlog, "accepted", 1)
    text = b"0 %d 1 1 an entry that no release reads" % position
    redis.rpush(KEYS.inbox(ONE), text)
    return text
