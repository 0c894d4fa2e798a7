"""Capture: claim what is due in a lane, write it to the ledger, settle; until nothing is due."""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, ClaimedPartition, Completion, Inbox
from tradecapture.ledger import Ledger, LedgerUnavailableError, PartitionResult, reason_of
from tradecapture.ledger.ledger import REASON_LENGTH
from tradecapture.trades.clock import from_us
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

log = structlog.get_logger(__name__)


class CaptureSummary(NamedTuple):
    """What one visit to a lane did."""

    batches: int
    outcomes: Counter[Outcome]
    stale: int  # partitions that a newer claim had written already
    postponed: int  # partitions given back: the ledger did not answer, or they need a newer release
    halted: int  # partitions held, because a trade in them was parked
    work_left: bool  # the time budget was spent before the lane was empty


class Capture:
    """The capture of one process: its inbox, its ledger and its name."""

    def __init__(
        self,
        inbox: Inbox,
        ledger: Ledger,
        renewal: LeaseRenewer,
        owner: str,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._inbox, self._ledger, self._renewal = inbox, ledger, renewal
        self._owner, self._monotonic, self._jitter = owner, monotonic, jitter

    def drain(
        self,
        lane: int,
        task_id: str,
        budget_seconds: float,
        ring: Callable[[int], object] = lambda _lane: None,
    ) -> CaptureSummary:
        """Capture a lane's due trades, batch by batch, until none is due or the budget is spent.

        Args:
            lane: the lane.
            task_id: noted with each trade.
            budget_seconds: after so long the drain ends; a batch that has begun is finished.
            ring: called with the lane when a claim leaves something due that no bell calls for, so
                that an idle worker helps at once.

        Raises:
            RedisError: the inbox is out of reach; leases end by themselves and nothing is lost.
        """
        deadline = self._monotonic() + budget_seconds
        outcomes: Counter[Outcome] = Counter()
        batches = stale = postponed = halted = 0
        while claim := self._inbox.claim(lane, self._owner, self._jitter()):
            batches += 1
            if claim.due_without_bell:
                ring(lane)
            with self._renewal.keep(claim):
                verdicts, untouched = self._write(claim, task_id)
            self._settle(claim, verdicts)
            self._postpone(claim, untouched)
            for verdict in verdicts:
                outcomes.update(verdict.outcomes)
                stale += verdict.stale
                halted += bool(verdict.hold)
            postponed += len(untouched)
            if self._monotonic() >= deadline:
                return CaptureSummary(batches, outcomes, stale, postponed, halted, work_left=True)
        return CaptureSummary(batches, outcomes, stale, postponed, halted, work_left=False)

    def _write(
        self, claim: Claim, task_id: str
    ) -> tuple[list[PartitionResult], list[PartitionKey]]:
        """Return the verdicts, and the partitions to postpone.

        These are those that the ledger did not answer for, and those whose head only a worker of a
        newer release can read: it stands where it is until such a worker claims it.
        """
        clock = self._redis_clock(claim)
        readable = claim._replace(
            partitions=tuple(claimed for claimed in claim.partitions if claimed.entries)
        )
        unreadable = [
            PartitionResult(claimed.partition_key, 0, {}, hold=claimed.unreadable)
            for claimed in claim.partitions
            if not claimed.entries and not claimed.is_newer
        ]
        newer = [
            claimed.partition_key
            for claimed in claim.partitions
            if not claimed.entries and claimed.is_newer
        ]
        if newer:
            log.warning("left for workers of a newer release", lane=claim.lane, partitions=newer)
        verdicts, untouched = self._write_or_split(readable, task_id, clock)
        return unreadable + verdicts, newer + untouched

    def _write_or_split(
        self, claim: Claim, task_id: str, clock: Callable[[], datetime]
    ) -> tuple[list[PartitionResult], list[PartitionKey]]:
        """Write a claim; where something in it cannot be written, split it to find the trade."""
        if not claim.partitions:
            return [], []
        try:
            return self._ledger.capture(claim, task_id, clock), []
        except LedgerUnavailableError as error:
            log.warning("claim postponed", lane=claim.lane, error=str(error))
            return [], claim.partition_keys
        except Exception as error:  # whatever a trade can raise: it must stop no other trade
            if claim.trades == 1:
                return self._park(claim, error, task_id, clock)
        verdicts: list[PartitionResult] = []
        untouched: list[PartitionKey] = []
        if len(claim.partitions) > 1:
            for claimed in claim.partitions:
                part = claim._replace(partitions=(claimed,))
                written, left = self._write_or_split(part, task_id, clock)
                verdicts += written
                untouched += left
            return verdicts, untouched
        return self._write_one_by_one(claim, task_id, clock)

    def _write_one_by_one(
        self, claim: Claim, task_id: str, clock: Callable[[], datetime]
    ) -> tuple[list[PartitionResult], list[PartitionKey]]:
        """Write one partition's trades singly, up to the one that is parked."""
        (claimed,) = claim.partitions
        written, upstream, outcomes = 0, 0, Counter[Outcome]()
        for entry in claimed.entries:
            single = claim._replace(partitions=(ClaimedPartition(claimed.partition_key, (entry,)),))
            verdicts, _untouched = self._write_or_split(single, task_id, clock)
            if not verdicts:
                break  # the ledger went away; what was written is settled, the rest is due again
            (verdict,) = verdicts
            written += verdict.written
            upstream = max(verdict.upstream, upstream)
            outcomes.update(verdict.outcomes)
            if verdict.stale or verdict.hold or verdict.pause:
                return [verdict._replace(written=written, outcomes=outcomes)], []
        if not written:
            return [], [claimed.partition_key]
        return [PartitionResult(claimed.partition_key, written, outcomes, upstream=upstream)], []

    def _park(
        self, claim: Claim, error: Exception, task_id: str, clock: Callable[[], datetime]
    ) -> tuple[list[PartitionResult], list[PartitionKey]]:
        (claimed,) = claim.partitions
        (entry,) = claimed.entries
        reason = reason_of(error)
        trade_id = entry.submission.trade_id
        log.error("trade parked", partition=claimed.partition_key, trade_id=trade_id, error=reason)
        try:
            return [self._ledger.park(claim, entry, reason, task_id, clock)], []
        except LedgerUnavailableError:
            return [], [claimed.partition_key]
        except Exception as park_error:  # it cannot even be recorded: hold it where it is
            log.exception("trade not parked", partition=claimed.partition_key, trade_id=trade_id)
            why = f"{reason}; parking it failed too: {park_error}"[:REASON_LENGTH]
            return [PartitionResult(claimed.partition_key, 0, {}, hold=why)], []

    def _settle(self, claim: Claim, verdicts: list[PartitionResult]) -> None:
        unreadable = {
            claimed.partition_key: "" if claimed.is_newer else claimed.unreadable
            for claimed in claim.partitions
        }
        completions = [
            Completion(
                verdict.partition_key,
                verdict.written,
                verdict.hold or unreadable[verdict.partition_key],
                verdict.upstream,
                verdict.pause,
            )
            for verdict in verdicts
            if not verdict.stale
        ]
        if not completions:
            return
        settled = self._inbox.complete(claim.lane, claim.token, completions)
        for completion, kept in zip(completions, settled, strict=True):
            if not kept:
                log.warning("lease lost before settle", partition=completion.partition_key)

    def _postpone(self, claim: Claim, partition_keys: list[PartitionKey]) -> None:
        if not partition_keys:
            return
        try:
            self._inbox.postpone(claim.lane, claim.token, partition_keys, self._jitter())
        except RedisError as error:
            log.warning("postpone failed; the lease will end", lane=claim.lane, error=str(error))

    def _redis_clock(self, claim: Claim) -> Callable[[], datetime]:
        """Return a clock in Redis time: the hosts' own clocks need not agree."""
        claimed_at = from_us(claim.now_us)
        started = self._monotonic()
        return lambda: claimed_at + timedelta(seconds=self._monotonic() - started)
