"""Workers' logs: what they say of their captures."""

import re
from collections.abc import Iterable

from tradecapture.local.servers.worker import LocalWorker

RETRIED, POSTPONED = b"capture transaction retried", b"claim postponed"
_CAPTURED = re.compile(rb"lane captured' .*?\bcaptured=(\d+)")


def count_in_logs(workers: Iterable[LocalWorker], words: bytes) -> int:
    """Return how often workers' logs say something."""
    return sum(worker.log.read_bytes().count(words) for worker in workers)


def counted_captures(workers: Iterable[LocalWorker]) -> int:
    """Return how many trades workers that were not killed counted as captured by themselves."""
    return sum(
        int(trades) for worker in workers for trades in _CAPTURED.findall(worker.log.read_bytes())
    )
