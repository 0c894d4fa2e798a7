"""Waiting: look until something holds, with a deadline."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.01  # between two looks; a server that is ready is noticed within it


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Return True as soon as something holds, False if it did not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True
