"""The outcome watch: requests that wait for a trade's outcome share one query."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.trades.lifecycle import Outcome

# Seconds between two looks. An idle fleet captures within some ten milliseconds, so the first
# look comes soon; when nothing moves, two a second are enough.
FIRST_LOOK_SECONDS = 0.01
MAX_PAUSE_SECONDS = 0.5
PAUSE_GROWTH = 1.5

log = structlog.get_logger(__name__)


class OutcomeWatch:
    """Waits for trades to end, whatever way. Looks only while somebody waits."""

    def __init__(self, ended: Callable[[Sequence[str]], Mapping[str, Outcome]]) -> None:
        """Prepare to wait; `ended` is a blocking function, called in a thread."""
        self._ended = ended
        self._waiting: dict[asyncio.Future[None], str] = {}
        self._pause = FIRST_LOOK_SECONDS
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, trade_id: str, seconds: float) -> bool:
        """Return True as soon as a trade has its outcome, False if it had none in that time."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = trade_id
        self._pause = FIRST_LOOK_SECONDS
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait([future], timeout=seconds)
            return future.done()
        finally:
            del self._waiting[future]

    async def _look(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * PAUSE_GROWTH, MAX_PAUSE_SECONDS)
            trade_ids = sorted(set(self._waiting.values()))
            try:
                ended = await asyncio.to_thread(self._ended, trade_ids)
            except SQLAlchemyError as error:
                # The trades are safe; whoever waits is told 202 when its time is over.
                log.warning("outcomes cannot be read", error=str(error))
                continue
            for future, trade_id in self._waiting.items():
                if trade_id in ended and not future.done():
                    future.set_result(None)
        self._looking = None
