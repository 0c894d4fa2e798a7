"""`scripts/performance-test.sh` against a real fleet, and against one that does not capture."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment.deployment import SQLITE, Deployment
from tradecapture.local.servers.ports import LOOPBACK, free_port

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "performance-test.sh"
PARALLEL = ("--test", "parallel")
DAY = ("--profile", "day", "--trades", "2000", "--batch", "200")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment without workers yet."""
    with Deployment(tmp_path_factory.mktemp("performance"), SQLITE) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def url(deployment: Deployment) -> str:
    """The address of its API."""
    return deployment.start_api("api").url


def test_a_fleet_that_keeps_up_loses_and_reorders_nothing(deployment: Deployment, url: str) -> None:
    """200 trades in ten partitions and a day of 2,000 are all captured, in order."""
    worker = deployment.start_worker("w").wait_ready()
    # Latency is not asserted, because the machine runs other tests.
    (result,) = report(url, *PARALLEL)["results"]
    assert (result["success"], result["problems"]) == (1.0, {})
    assert figure_of(result, "out of order") == 0
    assert result["capture"]["p50Ms"] >= result["acceptance"]["p50Ms"] > 0
    day = report(url, *DAY, code=0)
    assert (day["accepted"], day["captured"], day["reached"]) == (2000, 2000, True)
    worker.kill()


def test_a_fleet_without_workers_misses_its_targets(deployment: Deployment, url: str) -> None:
    """Everything is accepted and nothing is captured: exit code 1, and the reason.

    Each run uses new ids: those of earlier runs are captured.
    """
    (result,) = report(url, *PARALLEL, "--patience", "2", code=1)["results"]
    assert result["problems"] == {"accepted, not yet captured": 200}
    assert (result["success"], result["capture"], result["reached"]) == (0, None, False)
    day = report(url, *DAY, "--patience", "2", code=1)
    assert (day["accepted"], day["captured"], day["reached"]) == (2000, 0, False)


def test_without_a_service_it_says_how_to_start_a_fleet() -> None:
    """Exit code 3 and the command to start one; nothing is sent."""
    run = performance_test(f"http://{LOOPBACK}:{free_port()}")
    assert run.returncode == 3
    assert "tradecapture up" in run.stderr
    assert "Traceback" not in run.stderr


def test_results_are_written_between_the_marks_of_a_page(
    deployment: Deployment, url: str, tmp_path: Path
) -> None:
    """The text around the marks stays; a page without marks is not changed, with a reason."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- seed -->\nold\n<!-- /seed -->\nafter\n")
    options = (*PARALLEL, "--patience", "0.1", "--about", "no workers", "--write", str(page))
    assert performance_test(url, *options).returncode == 1
    text = page.read_text()
    assert text.startswith("before\n<!-- seed -->\n\nno workers, ")
    assert text.endswith("\n\n<!-- /seed -->\nafter\n")
    assert "old" not in text
    page.write_text("no marks\n")
    run = performance_test(url, *options)
    assert (run.returncode, page.read_text()) == (2, "no marks\n")
    assert "<!-- seed -->" in run.stderr


def report(url: str, *options: str, code: int | None = None) -> Any:
    """Run the test and return its JSON; its `reached` agrees with the exit code."""
    run = performance_test(url, *options, "--json")
    assert run.returncode in (0, 1), run.stderr
    result = json.loads(run.stdout)
    assert result["reached"] == (run.returncode == 0)
    assert code is None or run.returncode == code, run.stdout
    return result


def figure_of(result: Any, what: str) -> float:
    """Return the figure of a verdict, by its name."""
    (verdict,) = (verdict for verdict in result["verdicts"] if verdict["what"] == what)
    return float(verdict["found"])


def performance_test(url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the script to its end."""
    return subprocess.run(
        [str(SCRIPT), url, *options], capture_output=True, text=True, timeout=100, check=False
    )
