"""The heartbeat is fresh during outages of other servers, and stale if the main process hangs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.deployment import SQLITE, Deployment
from tests.support.deployment.traffic.load import submissions
from tradecapture.local.servers.worker import LocalWorker
from workers.heartbeat import INTERVAL_SECONDS

# The machine is shared with other tests. The probe of the containers allows thirty seconds.
FRESH_SECONDS = 10 * INTERVAL_SECONDS
OUTAGE_SECONDS = 4 * INTERVAL_SECONDS  # several beats
SILENT_SECONDS = 24.0  # long enough to show a main process that waits forever


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment whose Redis the test may kill."""
    with Deployment(tmp_path, SQLITE) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of the file that the worker touches. The file does not exist yet."""
    return tmp_path / "heartbeat"


def start(deployment: Deployment, file: Path) -> LocalWorker:
    """Start a worker with a heartbeat."""
    return deployment.start_worker("w", heartbeat_file=file)


def beats_again(file: Path) -> float:
    """Wait for the next beat; return the wait in seconds."""
    last = file.stat().st_mtime_ns
    return wait_for("a beat", lambda: file.stat().st_mtime_ns > last)


def is_fresh(file: Path, seconds: int) -> bool:
    """Return what the containers' probe would find, by the same command."""
    command = ["find", str(file), "-newermt", f"-{seconds} seconds"]
    return bool(subprocess.run(command, capture_output=True, check=False).stdout)


def test_the_heart_beats_while_redis_is_away(
    deployment: Deployment, file: Path, figure: Callable[[str], None]
) -> None:
    """It beats from the start of the worker, while Redis is dead, and after Redis is back."""
    worker = start(deployment, file)
    wait_for("the first beat", file.exists)
    worker.wait_ready()
    beats_again(file)
    deployment.redis_server.kill()
    oldest, until = 0.0, time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < until:
        oldest = max(oldest, time.time() - file.stat().st_mtime)
        time.sleep(0.05)
    assert oldest < FRESH_SECONDS
    assert beats_again(file) < FRESH_SECONDS
    deployment.redis_server.start()
    wait_for("connected again", lambda: worker.log.read_text().count("Connected to") == 2)
    beats_again(file)
    assert worker.process.poll() is None
    figure(f"heartbeat of a worker whose Redis is dead: {oldest:.2f} s old at most")


def test_a_worker_that_starts_without_redis_lives(deployment: Deployment, file: Path) -> None:
    """The worker retries Redis every second while its heart beats, so no probe restarts it."""
    deployment.redis_server.kill()
    start(deployment, file)
    wait_for("the first beat", file.exists)
    for _ in range(3):
        beats_again(file)
    assert is_fresh(file, 30)


def test_a_main_process_that_hangs_has_no_heartbeat(deployment: Deployment, file: Path) -> None:
    """The heartbeat of a stopped process becomes stale. Once the process continues, it beats."""
    worker = start(deployment, file).wait_ready()
    beats_again(file)
    os.kill(worker.process.pid, signal.SIGSTOP)
    last = file.stat().st_mtime_ns
    wait_for("a stale heartbeat", lambda: not is_fresh(file, 3))
    assert file.stat().st_mtime_ns == last
    os.kill(worker.process.pid, signal.SIGCONT)
    beats_again(file)
    assert is_fresh(file, 3)


def test_without_a_file_there_is_no_heartbeat(deployment: Deployment, file: Path) -> None:
    """A worker writes no file unless the settings name one."""
    deployment.start_worker("w").wait_ready()
    time.sleep(2 * INTERVAL_SECONDS)
    assert not file.exists()


def test_a_file_that_cannot_be_written_ends_no_worker(
    deployment: Deployment, tmp_path: Path
) -> None:
    """The worker logs the error and continues. The probe fails."""
    missing = tmp_path / "no folder" / "heartbeat"
    worker = deployment.start_worker("w", heartbeat_file=missing).wait_ready()
    wait_for("the error is logged", lambda: "heartbeat cannot be written" in worker.log.read_text())
    assert worker.process.poll() is None


def test_the_heart_beats_while_redis_is_silent(
    deployment: Deployment, file: Path, figure: Callable[[str], None]
) -> None:
    """If the network drops everything, the main process is blocked for some seconds only."""
    proxy = deployment.proxy_redis()
    worker = deployment.start_worker("w", heartbeat_file=file, connect_seconds=0.5).wait_ready()
    beats_again(file)
    proxy.black_hole()
    oldest, until = 0.0, time.monotonic() + SILENT_SECONDS
    while time.monotonic() < until:
        oldest = max(oldest, time.time() - file.stat().st_mtime)
        time.sleep(0.05)
    assert oldest < 0.75 * SILENT_SECONDS
    proxy.pass_on()
    gateway = deployment.gateway()
    gateway.accept(submissions(10, partitions=10))
    wait_until_nothing_waits(gateway)
    beats_again(file)
    assert worker.process.poll() is None
    figure(f"heartbeat of a worker whose Redis is silent: {oldest:.1f} s old at most")
