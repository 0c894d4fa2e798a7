"""Flower beside a running fleet."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.traffic.load import submissions
from tests.support.deployment.workers import RABBITMQ, REDIS, StartWorker
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.ports import free_port


@pytest.mark.parametrize(  # the database does not matter
    ("ledger_url", "broker"),
    [
        ("sqlite", REDIS),
        pytest.param("postgresql", RABBITMQ, marks=pytest.mark.rabbitmq),
    ],
    indirect=True,
)
def test_flower_shows_capture_tasks_and_the_workers(
    gateway: Gateway, start_worker: StartWorker, tmp_path: Path
) -> None:
    """`celery -A workers flower` lists captures with lane, counts and runtime, and workers."""
    port = free_port()
    with (tmp_path / "flower.log").open("wb") as log:
        flower = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "workers", "flower"),
                *("--address=127.0.0.1", f"--port={port}"),
            ],
            env=_environment(gateway),
            stdout=log,
            stderr=log,
        )
    try:
        wait_for("Flower answers", lambda: _get(port, "/api/workers") is not None)
        start_worker("w").wait_ready()
        wait_for("the worker is online", lambda: _online(port))
        gateway.accept(submissions(300, partitions=10))
        wait_until_nothing_waits(gateway)
        wait_for("captures are shown", lambda: _captured(port) == 300)
        captures = _captures(port)
        assert all("lane" in task["result"] and task["runtime"] > 0 for task in captures)
    finally:
        flower.terminate()
        flower.wait(10)


def _captures(port: int) -> list[dict[str, Any]]:
    tasks = _get(port, "/api/tasks?taskname=tradecapture.capture") or {}
    return [task for task in tasks.values() if task["state"] == "SUCCESS"]


def _captured(port: int) -> int:
    # Flower has a task's result as Python wrote it: {'lane': 3, 'batches': 1, 'captured': 40, ...}
    results = (json.loads(task["result"].replace("'", '"')) for task in _captures(port))
    return sum(result.get("captured", 0) for result in results)


def _online(port: int) -> bool:
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/workers?json=1", timeout=5).read()
    return any(worker["status"] for worker in json.loads(page)["data"])


def _get(port: int, path: str) -> Any:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return json.load(response)
    except OSError:
        return None


def _environment(gateway: Gateway) -> dict[str, str]:
    return {
        **os.environ,
        "TRADECAPTURE_REDIS_URL": gateway.settings.redis_url,
        "TRADECAPTURE_BROKER_URL": gateway.settings.broker_url,
        "FLOWER_UNAUTHENTICATED_API": "true",
    }
