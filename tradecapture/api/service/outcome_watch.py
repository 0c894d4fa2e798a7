"""The outcome watch: requests that wait for outcomes share one query."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.trades.lifecycle import Outcome

# An idle fleet captures a trade within about ten milliseconds, so the first poll comes soon. The
# interval then grows to half a second, so that long waits cost the database little.
FIRST_POLL_SECONDS = 0.01
MAX_POLL_INTERVAL_SECONDS = 0.5
POLL_INTERVAL_GROWTH = 1.5

log = structlog.get_logger(__name__)


class OutcomeWatch:
    """Waits until trades have an outcome. Polls the ledger only while a request waits."""

    def __init__(self, read_outcomes: Callable[[Sequence[str]], Mapping[str, Outcome]]) -> None:
        """Prepare to wait.

        Args:
            read_outcomes: blocks, and returns the outcome of each trade that has one.
        """
        self._read_outcomes = read_outcomes
        self._waiting: dict[asyncio.Future[None], str] = {}
        self._interval = FIRST_POLL_SECONDS
        self._polling: asyncio.Task[None] | None = None

    async def wait(self, trade_id: str, timeout_seconds: float) -> bool:
        """Return True as soon as a trade has an outcome, False if it has none in time."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = trade_id
        self._interval = FIRST_POLL_SECONDS
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            await asyncio.wait([future], timeout=timeout_seconds)
            return future.done()
        finally:
            del self._waiting[future]

    async def _poll(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._interval)
            self._interval = min(self._interval * POLL_INTERVAL_GROWTH, MAX_POLL_INTERVAL_SECONDS)
            trade_ids = sorted(set(self._waiting.values()))
            try:
                outcomes = await asyncio.to_thread(self._read_outcomes, trade_ids)
            except SQLAlchemyError as error:
                # The trades are safe: the requests are answered with 202 when their time is over.
                log.warning("outcomes cannot be read", error=str(error))
                continue
            for future, trade_id in self._waiting.items():
                if trade_id in outcomes and not future.done():
                    future.set_result(None)
        self._polling = None
