"""A rolling upgrade from each previous release, and back, process by process under load."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.support import ROOT
from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.releases.mixed_fleet import MixedFleet
from tests.support.deployment.releases.previous import ReleaseApi, UnpackedRelease
from tests.support.deployment.traffic.mixed_load import captured
from tests.support.deployment.traffic.traffic import Traffic, of_apis
from tests.support.history.history import History
from tradecapture.ledger import upgrade
from tradecapture.version import VERSION

pytestmark = [pytest.mark.timeout(300)]

TRADES_A_SECOND = 100.0
STEP_TRADES = 50  # trades that must be captured in each state of the fleet


@pytest.mark.parametrize("deployment", ["postgresql"], indirect=True)
def test_each_process_is_replaced_and_rolled_back_under_load(
    deployment: Deployment,
    previous: UnpackedRelease,
    previous_schema: Engine,
    fleet: MixedFleet,
    history: History,
    figure: Callable[[str], None],
) -> None:
    """In every mixture of two releases no trade is lost, captured twice or out of order."""
    old, new = previous.code, ROOT
    old_workers = [fleet.worker(f"old{number}", old) for number in range(2)]
    apis = [fleet.api(f"api{number}", old) for number in range(2)]
    for worker in old_workers:
        worker.wait_ready()
    gateway, started, log = deployment.gateway(), time.monotonic(), history.log("operator")

    def assert_captures_on(step: str, *releases: str) -> None:
        log.fault(step, ", ".join(releases))
        goal = captured(gateway) + STEP_TRADES
        wait_for(f"more is captured after: {step}", lambda: captured(gateway) >= goal)
        fleet.wait_for_releases(*releases)

    def change(api: ReleaseApi, code: Path) -> None:
        api.stop()
        api.run_code_of(code)

    sender = of_apis(*(api.url for api in apis))
    with Traffic(history, sender, trades_a_second=TRADES_A_SECOND, partitions=40) as traffic:
        assert_captures_on("all is old", previous.version)
        upgrade(previous_schema)
        assert_captures_on("the schema is expanded", previous.version)
        change(apis[0], new)
        assert_captures_on("an API is new, all workers are old", previous.version)
        replacement = fleet.worker("new", new).wait_ready()
        assert_captures_on("workers and APIs are mixed", previous.version, VERSION)
        for worker in old_workers:
            worker.stop()
        assert_captures_on("all workers are new, an API is old", VERSION)
        change(apis[1], new)
        assert_captures_on("all is new", VERSION)
        for api in apis:
            change(api, old)
        assert_captures_on("all APIs are old again, all workers are new", VERSION)
        returned = fleet.worker("returned", old).wait_ready()
        replacement.stop()
        assert_captures_on("all is old again, but the schema", previous.version)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    assert returned.process.poll() is None
    figure(
        f"{previous.version} to {VERSION} and back under load: {len(traffic.accepted):,} trades in "
        f"{time.monotonic() - started:.0f} s, all captured once and in order, {deployment.database}"
    )
