"""Captures a lane: claims what is due, writes it to the ledger, completes the claim, and repeats.

If a claim cannot be written, it is split until the trade at fault is alone. That trade is parked.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.inbox import Claim, ClaimedPartition, Completion, Inbox
from tradecapture.ledger import Ledger, LedgerUnavailableError, PartitionResult, reason_of
from tradecapture.ledger.ledger import REASON_LENGTH
from tradecapture.ledger.transaction import Clock
from tradecapture.trades.clock import from_us
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

log = structlog.get_logger(__name__)


class CaptureSummary(NamedTuple):
    """What one drain of a lane did."""

    batches: int
    outcomes: Counter[Outcome]
    stale: int  # partitions that a newer claim had already written
    postponed: int  # partitions given back: no ledger, or their head needs a newer release
    halted: int  # partitions held because a trade in them was parked
    work_left: bool  # the time budget was spent before the lane was empty


class _ClaimResult(NamedTuple):
    """What the ledger did with a claim."""

    results: list[PartitionResult]
    postponed: list[PartitionKey]  # partitions to give back; nothing of them was written


class Capture:
    """Captures lanes for one process."""

    def __init__(
        self,
        inbox: Inbox,
        ledger: Ledger,
        lease_renewer: LeaseRenewer,
        owner: str,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare to capture.

        Args:
            inbox: what to claim from.
            ledger: what to write to.
            lease_renewer: keeps a claim's lease alive while the ledger writes.
            owner: this process's name; part of a claim's token, and shown to operators.
            monotonic: a clock, in seconds.
            jitter: returns a number from 0 to 1, which spreads the delays of retries.
        """
        self._inbox, self._ledger, self._lease_renewer = inbox, ledger, lease_renewer
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
            task_id: recorded with each trade.
            budget_seconds: after this time no batch begins; the last one is finished.
            ring: called with the lane if a claim leaves due partitions without a bell, so that an
                idle worker helps at once.

        Raises:
            RedisError: Redis does not answer. Leases expire, and nothing is lost.
        """
        deadline = self._monotonic() + budget_seconds
        outcomes: Counter[Outcome] = Counter()
        batches = stale = postponed = halted = 0
        while claim := self._inbox.claim(lane, self._owner, self._jitter()):
            batches += 1
            if claim.due_without_bell:
                ring(lane)
            with self._lease_renewer.keep(claim):
                written = self._write(claim, task_id)
            self._complete(claim, written.results)
            self._postpone(claim, written.postponed)
            for result in written.results:
                outcomes.update(result.outcomes)
                stale += result.stale
                halted += bool(result.hold)
            postponed += len(written.postponed)
            if self._monotonic() >= deadline:
                return CaptureSummary(batches, outcomes, stale, postponed, halted, work_left=True)
        return CaptureSummary(batches, outcomes, stale, postponed, halted, work_left=False)

    def _write(self, claim: Claim, task_id: str) -> _ClaimResult:
        """Write a claim's trades; halt or postpone the partitions whose head is unreadable.

        A head that a worker of a newer release can read is no error. Its partition is postponed
        until such a worker claims it.
        """
        clock = self._redis_clock(claim)
        readable, unreadable, newer = [], [], []
        for claimed in claim.partitions:
            if claimed.entries:
                readable.append(claimed)
            elif claimed.is_newer:
                newer.append(claimed.partition_key)
            else:
                unreadable.append(
                    PartitionResult(claimed.partition_key, 0, {}, hold=claimed.unreadable)
                )
        if newer:
            log.warning("left for workers of a newer release", lane=claim.lane, partitions=newer)
        written = self._write_or_split(claim._replace(partitions=tuple(readable)), task_id, clock)
        return _ClaimResult(unreadable + written.results, newer + written.postponed)

    def _write_or_split(self, claim: Claim, task_id: str, clock: Clock) -> _ClaimResult:
        """Write a claim in one transaction; if it cannot be written, write its parts."""
        if not claim.partitions:
            return _ClaimResult([], [])
        try:
            return _ClaimResult(self._ledger.capture(claim, task_id, clock), [])
        except LedgerUnavailableError as error:
            log.warning("claim postponed", lane=claim.lane, error=str(error))
            return _ClaimResult([], claim.partition_keys)
        except Exception as error:  # whatever one trade raises must not stop the others
            if claim.trades == 1:
                return self._park(claim, error, task_id, clock)
        if len(claim.partitions) == 1:
            return self._write_one_by_one(claim, task_id, clock)
        written = _ClaimResult([], [])
        for claimed in claim.partitions:
            part = self._write_or_split(claim._replace(partitions=(claimed,)), task_id, clock)
            written.results.extend(part.results)
            written.postponed.extend(part.postponed)
        return written

    def _write_one_by_one(self, claim: Claim, task_id: str, clock: Clock) -> _ClaimResult:
        """Write one partition's trades in a transaction each, up to the one that is parked."""
        (claimed,) = claim.partitions
        trades, upstream, outcomes = 0, 0, Counter[Outcome]()
        for entry in claimed.entries:
            single = claim._replace(partitions=(ClaimedPartition(claimed.partition_key, (entry,)),))
            results = self._write_or_split(single, task_id, clock).results
            if not results:
                break  # the ledger does not answer any more; the other trades become due again
            (result,) = results
            trades += result.trades
            upstream = max(result.upstream_number, upstream)
            outcomes.update(result.outcomes)
            if result.stale or result.hold or result.pause:
                return _ClaimResult([result._replace(trades=trades, outcomes=outcomes)], [])
        if not trades:
            return _ClaimResult([], [claimed.partition_key])
        result = PartitionResult(claimed.partition_key, trades, outcomes, upstream_number=upstream)
        return _ClaimResult([result], [])

    def _park(self, claim: Claim, error: Exception, task_id: str, clock: Clock) -> _ClaimResult:
        """Park the only trade of a claim, and halt its partition."""
        (claimed,) = claim.partitions
        (entry,) = claimed.entries
        partition_key, trade_id = claimed.partition_key, entry.submission.trade_id
        reason = reason_of(error)
        log.error("trade parked", partition=partition_key, trade_id=trade_id, error=reason)
        try:
            return _ClaimResult([self._ledger.park(claim, entry, reason, task_id, clock)], [])
        except LedgerUnavailableError:
            return _ClaimResult([], [partition_key])
        except Exception as park_error:  # halt the partition, with the trade still in its inbox
            log.exception("trade not parked", partition=partition_key, trade_id=trade_id)
            why = f"{reason}; parking it failed too: {park_error}"[:REASON_LENGTH]
            return _ClaimResult([PartitionResult(partition_key, 0, {}, hold=why)], [])

    def _complete(self, claim: Claim, results: list[PartitionResult]) -> None:
        """Remove the written trades from their inboxes and unlock the partitions."""
        unreadable = {
            claimed.partition_key: "" if claimed.is_newer else claimed.unreadable
            for claimed in claim.partitions
        }
        completions = [
            Completion(
                result.partition_key,
                result.trades,
                result.hold or unreadable[result.partition_key],
                result.upstream_number,
                result.pause,
            )
            for result in results
            if not result.stale
        ]
        if not completions:
            return
        replies = self._inbox.complete(claim.lane, claim.token, completions)
        for completion, is_completed in zip(completions, replies, strict=True):
            if not is_completed:
                log.warning("lease lost before completion", partition=completion.partition_key)

    def _postpone(self, claim: Claim, partition_keys: list[PartitionKey]) -> None:
        if not partition_keys:
            return
        try:
            self._inbox.postpone(claim.lane, claim.token, partition_keys, self._jitter())
        except RedisError as error:
            log.warning("postpone failed; the lease will end", lane=claim.lane, error=str(error))

    def _redis_clock(self, claim: Claim) -> Clock:
        """Return a clock that continues from the claim's Redis time: hosts' clocks may differ."""
        claimed_at = from_us(claim.now_us)
        started = self._monotonic()
        return lambda: claimed_at + timedelta(seconds=self._monotonic() - started)
