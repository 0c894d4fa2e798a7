"""Runs a short soak as `make soak` does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.faults.schedule import FaultKind, schedule

SEED, MINUTES = 11, 0.55  # half a minute, six kinds of fault that hit Redis, database and workers
ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_a_short_soak_keeps_every_promise(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """A soak of a fixed seed captures every trade once and in order, and ends with exit code 0."""
    process = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.faults.soak", "--json"),
            *("--minutes", str(MINUTES), "--seed", str(SEED)),
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads(process.stdout)
    planned = [fault.kind for fault in schedule(SEED, MINUTES * 60)]
    assert [fault["kind"] for fault in report["schedule"]] == planned
    assert [fault["kind"] for fault in report["recoveries"]] == planned
    assert {FaultKind.FREEZE_REDIS, FaultKind.KILL_DATABASE, FaultKind.KILL_CHILD} <= set(planned)
    assert report["sent"] == report["accepted"] == report["captured"] > 0
    assert report["problems"] == []
    assert f"{len(planned)} faults of seed {SEED}" in process.stderr, "said before they come"
    for fault in report["recoveries"]:
        figure(
            f"soak: {fault['kind']}: next capture after {fault['next_capture']:.2f} s, "
            f"all that was accepted before after {fault['caught_up']:.2f} s"
        )
