"""A worker whose capture raises for chosen trades, each time, within the transaction.

Run it with `celery -A tests.support.faults.programs.poisoned_worker worker`. Otherwise it is the
fleet's worker. A file names the poisoned trades; `poison` may change it while the worker runs.
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
TASTED = "poison tasted"  # it logs this each time it tries a poisoned trade

log = structlog.get_logger(__name__)


def poison(file: Path, positions: Mapping[PartitionKey, int]) -> None:
    """Name the poisoned trades in a file, in place of those it named before.

    Args:
        file: that the workers read.
        positions: partition -> position of its poisoned trade.
    """
    new_file = file.with_suffix(".new")
    new_file.write_bytes(json.encode(positions))
    new_file.replace(file)


def _apply(self: PartitionAggregate, entry: Entry) -> None:
    file = Path(os.environ[FILE_VARIABLE])
    positions = json.decode(file.read_bytes(), type=dict[str, int])
    if positions.get(entry.submission.partition_key) == entry.position:
        log.info(TASTED, trade_id=entry.submission.trade_id)
        raise RuntimeError(f"{entry.submission.trade_id} is poison")
    _original_apply(self, entry)


def _patch_apply(**_signal: Any) -> None:
    PartitionAggregate.apply = _apply  # type: ignore[method-assign]  # the fault to inject


_original_apply = PartitionAggregate.apply
worker_process_init.connect(_patch_apply)  # not at import: tests import this module too
