"""Runs workers one at a time, step by step, with trades of one partition."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.builders import partition_of, submissions
from tests.support.deployment.completion import wait_until_nothing_waits
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import problems
from tests.support.faults.programs.failpoint import FLAG_VARIABLE, PLACE_VARIABLE, Failpoint
from tests.support.faults.programs.guard import GUARD_VARIABLE, Guard
from tests.support.faults.stepped_worker import SteppedWorker
from tests.support.history.event import Said
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.trades.receipt import Receipt

LEASE_SECONDS = 0.5
APP = "tests.support.faults.programs.unguarded_worker"

# The steps of a test, which take a worker and the book whose partition they use.
Story = Callable[[SteppedWorker, str], None]


class Scenario:
    """A deployment with one lane and short leases. The history records each trade sent to it."""

    def __init__(self, deployment: Deployment, history: History) -> None:
        """Give a deployment the settings of a scenario, and connect to it."""
        self.deployment, self._history = deployment, history
        deployment.settings = replace(
            deployment.settings,
            lanes=1,
            lease_seconds=LEASE_SECONDS,
            bell_seconds=LEASE_SECONDS,
            backoff_limit_seconds=LEASE_SECONDS,
        )
        self.gateway: Gateway = deployment.gateway()
        self._log = history.log("submitter")
        self._sent: Counter[str] = Counter()
        self._actors: list[SteppedWorker] = []

    def start_worker(
        self,
        name: str,
        failpoint: Failpoint = Failpoint.NOWHERE,
        without: Guard = Guard.NONE,
        **settings: Any,
    ) -> SteppedWorker:
        """Start a worker; `begin` pauses it until its first step.

        Args:
            name: of its node and its log.
            failpoint: at which it stops itself once.
            without: the safety guard that is switched off in it.
            settings: other than the deployment's, by name.
        """
        flag = self.deployment.folder / f"{name}.stalled"
        worker = self.deployment.start_worker(
            name,
            app=APP,
            environment={
                PLACE_VARIABLE: failpoint,
                FLAG_VARIABLE: str(flag),
                GUARD_VARIABLE: without,
            },
            **settings,
        )
        actor = SteppedWorker(worker, flag)
        self._actors.append(actor)
        return actor

    def begin(self) -> None:
        """Wait until all workers are ready, and pause them."""
        for actor in self._actors:
            actor.until_ready()
            actor.rest()

    def twice(self, armed: SteppedWorker, disarmed: SteppedWorker, story: Story) -> list[str]:
        """Run the same steps with all safety guards, then without one of them.

        Each run has its own partition. The first run must keep all invariants.

        Args:
            armed: the worker with all guards.
            disarmed: the worker that lacks one guard.
            story: the steps.

        Returns:
            The invariants that are broken after the second run, one string each.
        """
        story(armed, "ARMED")
        assert self.problems() == []
        story(disarmed, "DISARMED")
        return self.problems()

    def send(
        self, book: str, number: int, *, answers_lost: bool = False, bell_lost: bool = False
    ) -> None:
        """Send trades of one partition in one call, so that one claim gets all of them.

        Args:
            book: of the partition.
            number: of trades; all of them must be accepted.
            answers_lost: the history records the answers as unknown.
            bell_lost: the trades are accepted without ringing the bell.
        """
        is_accepted = self.try_to_send(book, number, answers_lost=answers_lost, bell_lost=bell_lost)
        assert all(is_accepted), is_accepted

    def try_to_send(
        self, book: str, number: int, *, answers_lost: bool = False, bell_lost: bool = False
    ) -> list[bool]:
        """Send trades as `send` does; return for each whether it was accepted."""
        batch = submissions(number, book, self._sent[book] + 1)
        self._sent[book] += number
        for trade in batch:
            self._log.invoked(trade.trade_id, trade.partition_key, trade.digest)
        answers = (
            self.gateway.inbox.accept(batch).answers if bell_lost else self.gateway.accept(batch)
        )
        for trade, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Receipt) and not answers_lost:
                self._log.answered(trade.trade_id, Said.ACCEPTED, answer.position)
            else:
                self._log.answered(trade.trade_id, Said.UNKNOWN)
        return [isinstance(answer, Receipt) for answer in answers]

    def until_nothing_waits(self) -> None:
        """Wait until every inbox is empty and no lease is held."""
        wait_until_nothing_waits(self.gateway)

    def waiting(self, book: str) -> int:
        """Return how many trades of a book wait, claimed or not; 0 if its partition is held."""
        partition = self.gateway.inbox_reader.partition(partition_of(book))
        return 0 if partition is None or partition.hold else partition.waiting

    def captured(self, book: str) -> int:
        """Return how many trades of a book the ledger has captured."""
        rows = {row.partition_key: row.last_sequence for row in self.gateway.ledger.partitions()}
        return rows.get(partition_of(book), 0)

    def problems(self) -> list[str]:
        """Return the invariants that are broken now, one string each."""
        return problems(self.gateway, self._history)
