"""`up` with real processes: it runs, survives, stops cleanly and keeps its data; also `demo`."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.builders import trade_json
from tradecapture.inbox import connect_redis
from tradecapture.inbox.keys import LANES_KEY
from tradecapture.local.fleet.data_folder import DataFolder, RunningFleet
from tradecapture.local.servers.ports import free_port
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import wait_until

ROOT = Path(__file__).parents[3]
READY_SECONDS = 60.0  # on a machine that is busy with other tests; 6 on an idle one
STOP_SECONDS = 30.0

# An environment in which only the data folder says where things are.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("TRADECAPTURE_")},
    "PYTHONPATH": str(ROOT),
}


def tradecapture(
    *words: str, standard_input: bytes = b"", variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tradecapture", *words],
        input=standard_input,
        env={**ENVIRONMENT, **(variables or {})},
        capture_output=True,
        timeout=READY_SECONDS,
        check=False,
    )


class Up:
    """A running `tradecapture up`."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: DataFolder) -> None:
        self.process, self.folder = process, folder

    @property
    def running(self) -> RunningFleet:
        """What runs."""
        running = self.folder.running_fleet()
        assert running is not None, self.output
        return running

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return (self.folder.path.parent / "up.out").read_text()

    def stop(self) -> int:
        """End it with SIGTERM; return its exit code once no child of it is left."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        assert children
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        _gone, alive = psutil.wait_procs(children, timeout=0)
        assert alive == []
        return code


@contextmanager
def up(data: Path, *options: str) -> Iterator[Up]:
    """Start a fleet, and leave nothing of it behind."""
    with (data.parent / "up.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradecapture", "up", "--data", str(data), *options],
            env=ENVIRONMENT,
            stdout=output,
            stderr=output,
        )
    fleet = Up(process, DataFolder(data))
    try:
        assert wait_until(
            lambda: fleet.folder.running_fleet() is not None or process.poll() is not None,
            READY_SECONDS,
        ), fleet.output
        assert process.poll() is None, fleet.output
        yield fleet
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_SECONDS)


def submitted(data: Path, *trade_ids: str) -> None:
    """Submit trades and wait until they are captured."""
    bodies = b"\n".join(trade_json(tradeId=trade_id) for trade_id in trade_ids)
    result = tradecapture("submit", "-", "--wait", "--data", str(data), standard_input=bodies)
    assert result.returncode == 0, (result.stdout + result.stderr).decode()


@pytest.mark.workers
def test_a_fleet_runs_survives_and_keeps_its_data(tmp_path: Path) -> None:
    """Trades are captured, a killed worker comes back, SIGTERM leaves nothing, data stays.

    One story, because a fleet takes seconds to start.
    """
    data = tmp_path / "data"
    options = ("--api-port", str(free_port()), "--flower-port", "0", "--workers", "1")
    with up(data, *options) as fleet:
        # In a second terminal --data is enough.
        submitted(data, "T-1", "T-2")
        assert "tradecapture submit" in fleet.output
        assert {path.name for path in (data / "logs").iterdir()} == {
            "redis.log",
            "worker1.log",
            "api.log",
        }
        second = tradecapture("up", "--data", str(data), "--api-port", str(free_port()))
        assert second.returncode == 2
        assert b"another `tradecapture up` uses" in second.stderr

        killed = fleet.running.process_ids["worker1"]
        os.kill(killed, signal.SIGKILL)
        assert wait_until(lambda: fleet.running.process_ids["worker1"] != killed, READY_SECONDS), (
            fleet.output
        )
        assert re.search(r"worker1 died \(SIGKILL\).*\nworker1 was started again", fleet.output)
        submitted(data, "T-3")

        assert fleet.stop() == 0, fleet.output
        assert fleet.folder.running_fleet() is None
    with up(data, *options) as fleet:
        submitted(data, "T-4")
        result = tradecapture("holdings", "--json", "--data", str(data))
        (position,) = json.loads(result.stdout)
        assert position["trades"] == 4
        assert tradecapture("reconcile", "--data", str(data)).returncode == 0
        refuse_what_a_killed_up_left(fleet, data, *options)


def refuse_what_a_killed_up_left(fleet: Up, data: Path, *options: str) -> None:
    """Kill `up` itself: the next one names what still runs, because two Redis ruin one file."""
    left = psutil.Process(fleet.process.pid).children(recursive=True)
    try:
        fleet.process.kill()
        fleet.process.wait()
        assert fleet.folder.running_fleet() is None
        result = tradecapture("up", "--data", str(data), *options)
        assert result.returncode == 2
        assert b"was killed, and its programs still run" in result.stderr
        named = re.search(rb"`kill ([\d ]+)`", result.stderr)
        assert named
        assert {int(word) for word in named[1].split()} <= {process.pid for process in left}
    finally:
        for process in left:
            process.kill()


@pytest.mark.parametrize("option", ["--api-port", "--flower-port"])
def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path, option: str) -> None:
    """The exit code is 2, the message names the option, and no program was started."""
    ports = {"--api-port": str(free_port()), "--flower-port": "0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports[option] = str(taken.getsockname()[1])
        words = [word for pair in ports.items() for word in pair]
        result = tradecapture("up", "--data", str(tmp_path / "data"), *words)
    assert result.returncode == 2
    assert f"{option} {ports[option]} is taken".encode() in result.stderr
    assert list((tmp_path / "data" / "logs").iterdir()) == []


def test_another_lane_count_is_refused(tmp_path: Path) -> None:
    """The exit code is 2, the message says what to set, and no worker was started."""
    data = tmp_path / "data"
    folder = DataFolder(data)
    folder.redis.mkdir(parents=True)
    with RedisServer(folder.redis) as server, connect_redis(server.url, 3.0) as redis:
        redis.set(LANES_KEY, 3)
    result = tradecapture("up", "--data", str(data), "--api-port", str(free_port()))
    assert result.returncode == 2
    assert b"Set TRADECAPTURE_LANES=3" in result.stderr
    assert b"worker1" not in result.stderr


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("TRADECAPTURE_REDIS_URL", "redis://127.0.0.1:1"),
        ("TRADECAPTURE_DATABASE_URL", "postgresql://127.0.0.1:1/x"),
    ],
)
def test_a_given_server_out_of_reach_starts_nothing(
    tmp_path: Path, variable: str, url: str
) -> None:
    """The exit code is 3, one sentence says why, and nothing was started."""
    words = ("up", "--data", str(tmp_path), "--api-port", str(free_port()), "--flower-port", "0")
    result = tradecapture(*words, variables={variable: url})
    assert result.returncode == 3
    assert b"does not answer" in result.stderr
    assert b"starts" not in result.stderr


@pytest.mark.workers
def test_the_demo_proves_what_it_says(tmp_path: Path) -> None:
    """A small demo exits with 0, every check holds, and standard output is only JSON."""
    result = tradecapture("demo", "--trades", "1000", "--json", "--data", str(tmp_path / "demo"))
    assert result.returncode == 0, result.stderr.decode()
    report = json.loads(result.stdout)
    assert report["proven"] is True
    assert report["outcomes"]["captured"] == report["outcomes"]["accepted"] > 1000
    assert len(report["latencies"]) == 2


def test_the_demo_begins_with_an_empty_ledger(tmp_path: Path) -> None:
    """A folder that is not empty is refused."""
    (tmp_path / "ledger.db").touch()
    result = tradecapture("demo", "--data", str(tmp_path))
    assert result.returncode == 2
    assert b"is not empty" in result.stderr
