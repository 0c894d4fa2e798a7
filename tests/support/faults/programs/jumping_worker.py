"""A worker whose wall clock keeps jumping forwards and backwards by an hour.

Run it with `celery -A tests.support.faults.programs.jumping_worker worker`. Otherwise it is the
fleet's worker. In its main process and in its pool, `time.time`, `datetime.now` and the like jump
for all callers, also for Celery and kombu. The monotonic clock does not jump, as in a real
operating system.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import structlog
import time_machine
from celery.signals import worker_init, worker_process_init

from workers import app

__all__ = ["app"]

HOURS = (1, 0, -1, 0)  # added to the right time, in turn
STAY_SECONDS = 0.1  # many jumps fall into a capture's time budget of 0.5 s

log = structlog.get_logger(__name__)


def _jump_for_ever() -> None:
    wall_at_zero = time.time() - time.monotonic()
    for hours in cycle(HOURS):
        right = datetime.fromtimestamp(wall_at_zero + time.monotonic(), UTC)
        jump = time_machine.travel(right + timedelta(hours=hours), tick=True)
        jump.start()
        log.info("clock jumped", hours=hours)
        time.sleep(STAY_SECONDS)
        jump.stop()


def _start(**_signal: Any) -> None:
    threading.Thread(target=_jump_for_ever, name="jumps", daemon=True).start()


worker_init.connect(_start)
worker_process_init.connect(_start)  # a fork does not copy the thread of the main process
