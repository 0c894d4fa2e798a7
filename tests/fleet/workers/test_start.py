"""A worker that could capture nothing does not start."""

from tests.support.deployment.completion import wait_for
from tests.support.deployment.workers import StartWorker
from tradecapture.capture.gateway import Gateway
from tradecapture.inbox.keys import LANES_KEY


def test_a_worker_with_another_lane_count_refuses_and_says_what_to_do(
    gateway: Gateway, start_worker: StartWorker
) -> None:
    """It changes nothing, and exits with an error that names the setting."""
    worker = start_worker("w", lanes=8)

    wait_for("it ends", lambda: worker.process.poll() is not None)

    assert worker.process.returncode != 0
    assert b"Set TRADECAPTURE_LANES=16" in worker.log.read_bytes()
    assert gateway.redis.get(LANES_KEY) == b"16"


def test_a_worker_without_tables_refuses_and_names_the_command(
    gateway: Gateway, start_worker: StartWorker, tmp_path: object
) -> None:
    """It exits with an error that names `tradecapture db upgrade`."""
    worker = start_worker("w", database_url=f"sqlite:///{tmp_path}/empty.db")

    wait_for("it ends", lambda: worker.process.poll() is not None)

    assert worker.process.returncode != 0
    assert b"tradecapture db upgrade" in worker.log.read_bytes()
