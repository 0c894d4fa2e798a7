"""The full day: sends two million trades as fast as the service takes them, and counts captures."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from msgspec import Struct

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
    asked_to_wait: int  # answers that asked to send trades again
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
    jobs, stop, sent = Jobs(base_url), threading.Event(), threading.Event()
    shares = [trades // connections + (n < trades % connections) for n in range(connections)]
    lock, accepted = threading.Lock(), 0

    def add_job(job_id: str, number: int) -> None:
        nonlocal accepted
        with lock:
            jobs.add(job_id)
            accepted += number
            progress("accepted", accepted)

    def send(number: int) -> tuple[SendResult, float]:
        partitions = max(1, PARTITIONS // connections)
        stream = generate(valid_sample(shares[number], seed + number, partitions, today))
        sender = BatchSender(base_url, patience_seconds, add_job)
        return sender.send_all(stream, batch, stop), time.monotonic()

    start = time.monotonic()
    with ThreadPoolExecutor(connections + 1) as threads:
        counting = threads.submit(
            jobs.count, sent, patience_seconds, lambda done: progress("captured", done)
        )
        try:
            sending = [threads.submit(send, number) for number in range(connections)]
            ended = [future.result() for future in sending]
        except BaseException:
            stop.set()
            raise
        finally:
            sent.set()
        counting.result()
    results = [result for result, _ in ended]
    sending_seconds = max(at for _, at in ended) - start
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
        accepted=accepted,
        captured=jobs.captured,
        otherwise=jobs.otherwise,
        refused=sum(result.refused for result in results),
        unsent=sum(result.unsent for result in results),
        asked_to_wait=sum(result.asked_to_wait for result in results),
        sending_seconds=round(sending_seconds, 1),
        seconds=round(seconds, 1),
        accepted_per_second=round(accepted / sending_seconds, 1),
        captured_per_second=round(captured_rate, 1),
        problem="; ".join({result.problem for result in results if result.problem}),
        verdicts=verdicts,
        reached=all(verdict.reached for verdict in verdicts),
    )
