"""A worker whose host's clock jumps by an hour, forth and back, all the time.

Celery app of `celery -A tests.support.faults.programs.jumping_worker worker`; the fleet's own but
for that. In its
main process and in its pool the wall clock (`time.time`, `datetime.now`, …) jumps for whoever asks,
Celery and kombu too. The monotonic clock does not: an operating system's never jumps.
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

HOURS = (1, 0, -1, 0)  # from the right time, in turn
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
worker_process_init.connect(_start)  # a thread does not outlive the fork
