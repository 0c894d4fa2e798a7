"""An operator in this process, on real servers, whose command may die between its two halves."""

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
from tradecapture.operations import Operations, Replay
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.transactions import OperatorLedger
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey

WHO, WHY = "ann", "the feed was mended"
LEASE_SECONDS = 10.0  # of an operator's claim: no stall of a busy machine ends it
REST_MS = 200  # of the lease of one who died, so that a test does not wait out all of it
PATIENCE_SECONDS = 20.0
POISON = "poison"


class Operator:
    """What a command has in hand."""

    def __init__(
        self,
        redis: "Redis",
        settings: Settings,
        patience: float = PATIENCE_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        ledger: OperatorLedger | None = None,
    ) -> None:
        """Prepare to work."""
        self.redis = redis
        self.inbox = Inbox(redis, replace(settings, lease_seconds=lease_seconds))
        self.ledger = ledger or OperatorLedger(settings)
        self.reader = OperatorReader(self.ledger.engine, self.ledger.dialect)
        bell = Bell(sending_app(settings.broker, settings.connect_seconds), self.inbox)
        self.operations = Operations(
            self.inbox,
            InboxReader(redis, settings.lanes),
            self.ledger,
            bell,
            patience_seconds=patience,
        )
        self.replay = Replay(self.inbox, self.reader, self.ledger, bell)

    def perform(
        self, action: Action, partition_key: PartitionKey = ONE, *, dry_run: bool = False
    ) -> ActionResult:
        """Do something to a partition."""
        return self.operations.perform(
            ActionRequest(action, partition_key, WHO, WHY), dry_run=dry_run
        )

    def before(self, call: str, happens: Callable[[], object]) -> None:
        """Let something happen once, just before the inbox is called."""
        real = getattr(self.inbox, call)

        def first(*arguments: Any, **named: Any) -> Any:
            setattr(self.inbox, call, real)
            happens()
            return real(*arguments, **named)

        setattr(self.inbox, call, first)

    def die_at(self, call: str) -> None:
        """Let the command die once, just before it calls the inbox."""

        def die() -> None:
            self.redis.pexpire(KEYS.lock(ONE), REST_MS)
            raise RedisConnectionError("the operator's host is gone")

        self.before(call, die)

    def audited(self) -> list[AuditRow]:
        """Return what is in the audit, the oldest first."""
        return self.reader.audit(partition_key=None, limit=1000)[::-1]

    def bells(self) -> int:
        """Return how many capture tasks wait for the lane."""
        return self.redis.llen(queue_of(0))


class PoisonedLedger(OperatorLedger):
    """A ledger of a release that cannot capture one kind of trade; another release can."""

    def capture(
        self, claim: Claim, task_id: str, clock: Callable[[], datetime]
    ) -> list[PartitionResult]:
        """Refuse a claim that holds a poisoned trade."""
        for claimed in claim.partitions:
            if any(entry.submission.trade_id.startswith(POISON) for entry in claimed.entries):
                raise ValueError("this release cannot capture that")
        return super().capture(claim, task_id, clock)


def halt(ill: Worker) -> None:
    """Let a poisoned trade halt the partition; two more wait behind it."""
    ill.accept(*submissions(1, "B1"), submission(POISON, "B1"))
    ill.drain()
    ill.accept(*submissions(2, "B1", 2))
    assert ill.drain().outcomes == {}
    assert ONE in ill.held()
    ill.inbox.clear_bell(0)


def parked(worker: Worker) -> list[str]:
    """Return the ids of the parked trades."""
    return [row.trade_id for row in exception_rows(worker.ledger) if row.outcome == "PARKED"]


def accept_foreign(worker: Worker) -> bytes:
    """Let an entry be accepted that no release can read."""
    redis = worker.inbox.redis
    position = redis.hincrby(KEYS.positions, ONE, 1)
    redis.hincrby(KEYS.backlog, "accepted", 1)
    text = b"0 %d 1 1 an entry that no release reads" % position
    redis.rpush(KEYS.inbox(ONE), text)
    return text
