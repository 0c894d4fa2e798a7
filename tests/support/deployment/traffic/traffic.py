"""Submitters that send generated trades, resend as the contract says, and record each answer."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from tests.support.deployment.traffic.senders import GatewaySender, HttpSender, Sender, Trade
from tests.support.history.event import Said
from tests.support.history.history import History, HistoryLog
from tradecapture.capture.gateway import Gateway
from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.trades.submission import Submission, read_submission

ENDLESS = 10_000_000  # trades of a generator, more than any test sends
MAX_PAUSE_SECONDS = 1.0  # between two resends, even if an answer asks for a longer pause
PATIENCE_SECONDS = 60.0  # the maximum wait for missing answers at the end


class Traffic:
    """Sends trades from several threads until it is stopped. As a context manager it stops itself.

    No two submitters share a partition. A submitter sends the next trade of a partition after the
    last one was answered. It sends a trade again until it gets a final answer, as the contract
    tells clients to do.
    """

    def __init__(
        self,
        history: History,
        make_sender: Callable[[int], Sender],
        *,
        submitters: int = 4,
        partitions: int = 200,
        trades: int | None = None,
        trades_a_second: float | None = None,
        trades_a_call: int = 1,
        seed: int = 7,
    ) -> None:
        """Prepare to send.

        Args:
            history: where each trade and each answer is recorded.
            make_sender: makes a submitter's sender from its number; see `of_gateway`, `of_apis`.
            submitters: number of threads.
            partitions: of all submitters together.
            trades: of all submitters together; None: until stopped.
            trades_a_second: of all submitters together; None: as fast as they are answered.
            trades_a_call: trades of different partitions that are sent together.
            seed: of the trades and their ids; use each seed only once in a deployment.
        """
        self._history, self._make_sender = history, make_sender
        self._partitions = max(1, partitions // submitters)
        self._trades = None if trades is None else -(-trades // submitters)
        self._call_seconds = submitters * trades_a_call / trades_a_second if trades_a_second else 0
        self._trades_a_call, self._seed = trades_a_call, seed
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._threads = [
            threading.Thread(target=self._submit, args=(number,), daemon=True)
            for number in range(submitters)
        ]
        self.accepted: list[str] = []  # ids, each once
        self.refused: list[str] = []  # answers that refused a trade for good; must be empty
        self.errors: list[str] = []  # answers that the contract does not allow; must be empty
        self.unanswered: list[str] = []  # ids of trades without a final answer at the end

    def start(self) -> Self:
        """Start to send."""
        for thread in self._threads:
            thread.start()
        return self

    def wait(self, seconds: float) -> None:
        """Wait until all trades are answered; use it only if their number is limited."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), f"trades are still being sent after {seconds} s"

    def stop(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Send no new trade, and wait for the missing answers."""
        self._give_up_at = time.monotonic() + patience_seconds
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def problems(self) -> list[str]:
        """Return refusals, answers outside the contract, and missing answers, one string each."""
        return [
            *(f"refused, though valid: {refused}" for refused in self.refused),
            *(f"answered outside the contract: {error}" for error in self.errors),
            *(f"never answered: {trade_id}" for trade_id in self.unanswered),
        ]

    def assert_clean(self) -> None:
        """Check that every trade was accepted in the end."""
        problems = self.problems()
        assert not problems, f"{len(problems)} problems, such as {problems[0]}"

    def __enter__(self) -> Self:
        """Start to send."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; after an error do not wait for missing answers."""
        self.stop(PATIENCE_SECONDS if error is None else 0)

    def _submit(self, number: int) -> None:
        log = self._history.log(f"submitter-{number}")
        sender = self._make_sender(number)
        mix = SampleSpec(
            trades=ENDLESS,
            seed=self._seed * 1000 + number,
            partitions=self._partitions,
            skew=0,
            resends=0,
            invalid=0,
            today=datetime.now(UTC).date(),
        )
        due = time.monotonic()
        try:
            for call in _calls(mix, self._trades_a_call, self._trades):
                # The rate is a limit: trades that were not sent in an outage are not made up for.
                due = max(due + self._call_seconds, time.monotonic())
                if self._stopping.wait(max(0.0, due - time.monotonic())):
                    break
                self._send(sender, log, call)
        finally:
            sender.close()
            log.close()

    def _send(self, sender: Sender, log: HistoryLog, trades: Sequence[Trade]) -> None:
        """Send trades until each has a final answer, or the time to give up has come."""
        while trades:
            for _, submission in trades:
                log.invoked(submission.trade_id, submission.partition_key, submission.digest)
            replies = sender.send(trades)
            resends, pause = [], 0.0
            for trade, reply in zip(trades, replies, strict=True):
                trade_id = trade.submission.trade_id
                log.answered(trade_id, reply.said, reply.position, reply.detail)
                if reply.is_error:
                    self.errors.append(f"{trade_id}: {reply.detail}")
                if reply.said is Said.ACCEPTED:
                    self.accepted.append(trade_id)
                elif reply.said is Said.REFUSED:
                    self.refused.append(f"{trade_id}: {reply.detail}")
                else:
                    resends.append(trade)
                    pause = max(pause, min(reply.retry_seconds, MAX_PAUSE_SECONDS))
            trades = resends
            if trades and time.monotonic() + pause > self._give_up_at:
                self.unanswered += [trade.submission.trade_id for trade in trades]
                return
            if trades:
                time.sleep(pause)


def of_gateway(gateway: Gateway) -> Callable[[int], Sender]:
    """Return a function that makes senders to a gateway in this process."""
    return lambda _number: GatewaySender(gateway)


def of_apis(*urls: str) -> Callable[[int], Sender]:
    """Return a function that makes senders over HTTP; each submitter starts with another API."""
    return lambda number: HttpSender(urls, first=number)


def _calls(mix: SampleSpec, trades_a_call: int, limit: int | None) -> Iterator[list[Trade]]:
    """Yield the trades of each call; a call has no partition twice."""
    call: dict[str, Trade] = {}
    for number, body in enumerate(generate(mix)):
        if number == limit:
            break
        submission = read_submission(body, mix.today)
        assert isinstance(submission, Submission)
        if submission.partition_key in call or len(call) == trades_a_call:
            yield list(call.values())
            call = {}
        call[submission.partition_key] = Trade(body, submission)
    if call:
        yield list(call.values())
