"""The full day: sends two million trades as fast as the service takes them, and counts captures."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from msgspec import Struct, field

from benchmarks.performance.full_day.batches import BatchSender, SendResult
from benchmarks.performance.full_day.jobs import Jobs
from benchmarks.performance.scenarios import valid_sample
from benchmarks.performance.verdict import Verdict, at_least
from tradecapture.local.samples.trades import generate

TRADES = 2_000_000
DAY_SECONDS = 86_400.0
PARTITIONS = 1000

Progress = Callable[[str, int], object]


class DayReport(Struct, frozen=True, rename="camel"):
    """The result of a day."""

    about: str
    base_url: str
    at: datetime
    trades: int
    batch: int  # trades a request
    connections: int  # concurrent requests
    accepted: int
    captured: int
    otherwise: int  # rejected or parked
    refused: int
    unsent: int
    # Answers that asked to send trades again. Their name in JSON is older.
    retry_answers: int = field(name="askedToWait")
    sending_seconds: float  # from the first batch to the last answer
    seconds: float  # to the last capture, at most half a second and one answer too late
    accepted_per_second: float
    captured_per_second: float
    problem: str
    verdicts: Sequence[Verdict]
    reached: bool


def run_day(
    base_url: str,
    *,
    trades: int,
    batch: int,
    connections: int,
    seed: int,
    today: date,
    patience_seconds: float,
    progress: Progress,
    about: str,
    at: datetime,
) -> DayReport:
    """Send a day's trades, and count what becomes of them.

    Each connection has its own partitions and waits for its answers, so that the trades of a
    partition arrive in order, as from a service that sends its own books.

    Args:
        base_url: of the service.
        trades: to send.
        batch: trades a request, at most.
        connections: concurrent requests.
        seed: of the trades, and part of each id; so are the next seeds, one a connection.
        today: the date in UTC.
        patience_seconds: without one acceptance, or one capture, before giving up.
        progress: called with "accepted" or "captured", and the number so far.
        about: what the service is, in the user's words.
        at: the time of the start, in UTC.
    """
    jobs = Jobs(base_url)
    start = time.monotonic()

    def send(number: int, stop: threading.Event) -> SendResult:
        share = trades // connections + (number < trades % connections)
        partitions = max(1, PARTITIONS // connections)
        stream = generate(valid_sample(share, seed + number, partitions, today))
        sender = BatchSender(base_url, patience_seconds, accepted.add)
        return sender.send_all(stream, batch, stop)

    accepted = _AcceptedTrades(jobs, progress)
    results, sent_at = _send_and_count(jobs, send, connections, patience_seconds, progress)
    sending_seconds = sent_at - start
    seconds = max(jobs.last_ended_at - start, sending_seconds)
    captured_rate = jobs.captured / seconds
    verdicts = [
        at_least("captured of those sent", round(jobs.captured / trades, 6), 1.0, ""),
        at_least("captured a second", round(captured_rate, 1), TRADES / DAY_SECONDS, "/s"),
    ]
    return DayReport(
        about=about,
        base_url=base_url,
        at=at,
        trades=trades,
        batch=batch,
        connections=connections,
        accepted=accepted.trades,
        captured=jobs.captured,
        otherwise=jobs.otherwise,
        refused=sum(result.refused for result in results),
        unsent=sum(result.unsent for result in results),
        retry_answers=sum(result.retry_answers for result in results),
        sending_seconds=round(sending_seconds, 1),
        seconds=round(seconds, 1),
        accepted_per_second=round(accepted.trades / sending_seconds, 1),
        captured_per_second=round(captured_rate, 1),
        problem="; ".join({result.problem for result in results if result.problem}),
        verdicts=verdicts,
        reached=all(verdict.reached for verdict in verdicts),
    )


class _AcceptedTrades:
    """Counts the accepted trades of all connections, and notes their jobs."""

    def __init__(self, jobs: Jobs, progress: Progress) -> None:
        self.trades = 0
        self._jobs, self._progress, self._lock = jobs, progress, threading.Lock()

    def add(self, job_id: str, number: int) -> None:
        """Add the trades of one batch."""
        with self._lock:
            self._jobs.add(job_id)
            self.trades += number
            self._progress("accepted", self.trades)


def _send_and_count(
    jobs: Jobs,
    send: Callable[[int, threading.Event], SendResult],
    connections: int,
    patience_seconds: float,
    progress: Progress,
) -> tuple[list[SendResult], float]:
    """Send over all connections and count captures; return the results and the end of sending."""
    stop, sent = threading.Event(), threading.Event()

    def send_one(number: int) -> tuple[SendResult, float]:
        return send(number, stop), time.monotonic()

    with ThreadPoolExecutor(connections + 1) as threads:
        counting = threads.submit(
            jobs.count, sent, patience_seconds, lambda done: progress("captured", done)
        )
        try:
            sending = [threads.submit(send_one, number) for number in range(connections)]
            ended = [future.result() for future in sending]
        except BaseException:
            stop.set()
            raise
        finally:
            sent.set()
        counting.result()
    return [result for result, _ in ended], max(at for _, at in ended)
