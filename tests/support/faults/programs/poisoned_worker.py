"""A worker to which some trades are poison: their capture raises, every time, in the transaction.

Celery app of `celery -A tests.support.faults.programs.poisoned_worker worker`; the fleet's own but
for that. Which
trades is said in a file, while it works.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from celery.signals import worker_process_init
from msgspec import json

from tradecapture.inbox import Entry
from tradecapture.ledger.rules.partition import PartitionAggregate
from tradecapture.trades.partition import PartitionKey
from workers import app

__all__ = ["app"]

FILE_VARIABLE = "POISONED_WORKER_FILE"
TASTED = "poison tasted"  # in its log, once for every time

log = structlog.get_logger(__name__)


def poison(file: Path, places: Mapping[PartitionKey, int]) -> None:
    """Make trades poison: partition -> position."""
    new = file.with_suffix(".new")
    new.write_bytes(json.encode(places))
    new.replace(file)


def _apply(self: PartitionAggregate, entry: Entry) -> None:
    file = Path(os.environ[FILE_VARIABLE])
    places = json.decode(file.read_bytes(), type=dict[str, int])
    if places.get(entry.submission.partition_key) == entry.position:
        log.info(TASTED, trade_id=entry.submission.trade_id)
        raise RuntimeError(f"{entry.submission.trade_id} is poison")
    _apply_well(self, entry)


def _fall_ill(**_signal: Any) -> None:
    PartitionAggregate.apply = _apply  # type: ignore[method-assign]  # that is its point


_apply_well = PartitionAggregate.apply
worker_process_init.connect(_fall_ill)  # not at import: tests import this module too
