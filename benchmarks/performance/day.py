"""The day: two million trades as fast as the service takes them, and until all are captured."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from msgspec import Struct

from benchmarks.performance.batches import BatchSender, Sending
from benchmarks.performance.jobs import Jobs
from benchmarks.performance.plan import clean_mix
from benchmarks.performance.verdict import Verdict, at_least
from tradecapture.local.samples.trades import generate

TRADES = 2_000_000
DAY_SECONDS = 86_400.0
PARTITIONS = 1000
PAUSE_SECONDS = 0.2  # between two looks whether the senders have ended

Progress = Callable[[str, int], object]


class Day(Struct, frozen=True, rename="camel"):
    """What came of a day."""

    about: str
    base_url: str
    at: datetime
    trades: int
    batch: int  # trades a request
    connections: int  # requests in flight
    accepted: int
    captured: int
    otherwise: int  # rejected or parked
    refused: int
    unsent: int
    asked_to_wait: int  # answers that asked for a resend
    sending_seconds: float  # from the first batch to the last answer
    seconds: float  # to the last capture seen, late by half a second and one answer at most
    accepted_per_second: float
    captured_per_second: float
    problem: str
    verdicts: Sequence[Verdict]
    reached: bool


def play(
    base_url: str,
    trades: int,
    batch: int,
    connections: int,
    seed: int,
    today: date,
    patience_seconds: float,
    progress: Progress,
    about: str,
    at: datetime,
) -> Day:
    """Send a day's trades and see what becomes of them.

    Each connection has partitions of its own and waits for its answers, so that the trades of a
    partition arrive in order, as from a service that sends its own books.

    Args:
        base_url: of the service.
        trades: how many.
        batch: trades a request, at most.
        connections: requests in flight.
        seed: of the trades, and part of each id; so are the next ones, one a connection.
        today: the date in UTC.
        patience_seconds: without one acceptance, or one capture, before giving up.
        progress: told "accepted" or "captured", and how many by now.
        about: what it runs against, in the user's words.
        at: the time of the beginning, in UTC.
    """
    jobs, stop, sent = Jobs(base_url), threading.Event(), threading.Event()
    shares = [trades // connections + (n < trades % connections) for n in range(connections)]
    lock, accepted = threading.Lock(), 0

    def note(job_id: str, number: int) -> None:
        nonlocal accepted
        with lock:
            jobs.add(job_id)
            accepted += number
            progress("accepted", accepted)

    def work(number: int) -> tuple[Sending, float]:
        partitions = max(1, PARTITIONS // connections)
        stream = generate(clean_mix(shares[number], seed + number, partitions, today))
        sender = BatchSender(base_url, patience_seconds, note)
        return sender.send_all(stream, batch, stop), time.monotonic()

    beginning = time.monotonic()
    with ThreadPoolExecutor(connections + 1) as threads:
        counting = threads.submit(
            jobs.count, sent, patience_seconds, lambda done: progress("captured", done)
        )
        try:
            parts = [threads.submit(work, number) for number in range(connections)]
            ended = [part.result() for part in parts]
        except BaseException:
            stop.set()
            raise
        finally:
            sent.set()
        counting.result()
    sendings = [sending for sending, _ in ended]
    sending_seconds = max(at for _, at in ended) - beginning
    seconds = max(jobs.seen_at - beginning, sending_seconds)
    captured_rate = jobs.captured / seconds
    verdicts = [
        at_least("captured of those sent", round(jobs.captured / trades, 6), 1.0, ""),
        at_least("captured a second", round(captured_rate, 1), TRADES / DAY_SECONDS, "/s"),
    ]
    return Day(
        about=about,
        base_url=base_url,
        at=at,
        trades=trades,
        batch=batch,
        connections=connections,
        accepted=accepted,
        captured=jobs.captured,
        otherwise=jobs.otherwise,
        refused=sum(sending.refused for sending in sendings),
        unsent=sum(sending.unsent for sending in sendings),
        asked_to_wait=sum(sending.asked_to_wait for sending in sendings),
        sending_seconds=round(sending_seconds, 1),
        seconds=round(seconds, 1),
        accepted_per_second=round(accepted / sending_seconds, 1),
        captured_per_second=round(captured_rate, 1),
        problem="; ".join({sending.problem for sending in sendings if sending.problem}),
        verdicts=verdicts,
        reached=all(verdict.reached for verdict in verdicts),
    )
