"""While a node is unreachable, lists show the other lanes and name the missing ones."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from click.testing import CliRunner, Result

from tests.support.api.api_in_process import PARTITIONS, RESPONSE_TIMEOUT_SECONDS, serving
from tests.support.inbox.lanes import LANES, of_each_lane
from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.redis.slot_migration import moving
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.capture.capture import Capture
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.cli import cli
from tradecapture.doctor.finding import Level
from tradecapture.doctor.partitions import check_partitions
from tradecapture.inbox import (
    Inbox,
    InboxReader,
    LanesUnreachableError,
    UnreachableLanes,
    connect_redis,
)
from tradecapture.ledger import Ledger
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey

BACKLOG = "/api/v1/backlog"
NOWHERE = "redis+cluster://127.0.0.1:1;redis+cluster://127.0.0.1:2"


class Services(NamedTuple):
    """An API, a command line and a ledger; each lane has one partition with one waiting trade."""

    http: httpx.Client
    settings: Settings
    keys: list[PartitionKey]  # by lane
    held: set[int]  # lanes whose partition is paused

    def ask(self, path: str, **query: Any) -> Any:
        """Return the JSON of a successful answer of the API."""
        response = self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of the list of partitions."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.ask(PARTITIONS, cursor=cursor, **query)
            yield page
            cursor = page["nextCursor"]

    def run(self, *words: str, redis_url: str = "") -> Result:
        """Run a command of `tradecapture`."""
        environment = {
            "TRADECAPTURE_REDIS_URL": redis_url or self.settings.redis_url,
            "TRADECAPTURE_BROKER_URL": self.settings.broker,
            "TRADECAPTURE_DATABASE_URL": self.settings.database_url,
            "TRADECAPTURE_LANES": str(LANES),
            "TRADECAPTURE_CONNECT_SECONDS": str(CONNECT_SECONDS),
        }
        return CliRunner().invoke(cli, words, env=environment)


class Outage(NamedTuple):
    """A node that is unreachable."""

    name: str
    dead: list[int]  # its lanes

    @property
    def living(self) -> list[int]:
        """The lanes of the other nodes."""
        return [lane for lane in range(LANES) if lane not in self.dead]

    @property
    def words(self) -> str:
        """The start of every message about the missing lanes."""
        lanes = ", ".join(map(str, self.dead))
        return f"lanes {lanes} are out of reach: the Redis node {self.name} does not answer: "


@pytest.fixture(scope="module")
def services(
    cluster_servers: ClusterServers,
    redis_server: RedisServer,
    sqlite_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Services]:
    """In each partition one trade is captured and one waits. Each node has one paused partition."""
    file = shutil.copy(sqlite_database, tmp_path_factory.mktemp("desk") / "ledger.db")
    settings = Settings(
        redis_url=cluster_servers.url,
        broker_url=redis_server.url,
        database_url=f"sqlite:///{file}",
        lanes=LANES,
        connect_seconds=CONNECT_SECONDS,
    )
    with ExitStack() as running:
        redis = running.enter_context(connect_redis(cluster_servers.url, CONNECT_SECONDS))
        redis.flushall()
        inbox, ledger = Inbox(redis, settings), Ledger(settings)
        running.callback(ledger.dispose)
        capture = Capture(inbox, ledger, LeaseRenewer(inbox), owner="test")
        keys = [trade.partition_key for trade in of_each_lane("A")]
        inbox.accept(of_each_lane("A"))
        for lane in range(LANES):
            capture.drain(lane, "task", budget_seconds=60)
        inbox.accept(of_each_lane("B"))
        http = running.enter_context(
            httpx.Client(
                base_url=running.enter_context(serving(settings)), timeout=RESPONSE_TIMEOUT_SECONDS
            )
        )
        # One lane of the node that will be unreachable, and one of each other node.
        held = {cluster_servers.lanes_of(node, LANES)[0] for node in cluster_servers.masters}
        services = Services(http, settings, keys, held)
        for lane in held:
            assert services.run("partitions", "pause", keys[lane], "--why", "a look").exit_code == 0
        yield services


@pytest.fixture(scope="module")
def outage(services: Services, cluster_servers: ClusterServers) -> Iterator[Outage]:
    """The node that has lane 0 is dead until the last test of this module.

    Tests that need all nodes come before. `test_nodes` has a node that hangs.
    """
    node = cluster_servers.owner_of(0)
    node.kill()
    try:
        yield Outage(node.name, cluster_servers.lanes_of(node, LANES))
    finally:
        node.start()
        cluster_servers.wait_until_whole()


def test_all_lanes_in_reach_are_the_whole(services: Services) -> None:
    """`lanesOutOfReach` is empty, and the JSON of the command line is a list."""
    backlog, page = services.ask(BACKLOG), services.ask(PARTITIONS)
    assert (backlog["lanesOutOfReach"], page["lanesOutOfReach"]) == ([], [])
    assert (backlog["waiting"], len(page["partitions"])) == (LANES, LANES)
    result = services.run("partitions", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [row["partitionKey"] for row in json.loads(result.stdout)] == sorted(services.keys)
    assert "lanes out of reach" not in [
        finding.subject for finding in check_partitions(services.settings)
    ]


def test_the_load_of_a_half_moved_lane_is_out_of_reach(
    services: Services, cluster_servers: ClusterServers
) -> None:
    """No script runs in it. The load of the other lanes is read, and a total is refused."""
    owner = cluster_servers.owner_of(0)
    other = next(node for node in cluster_servers.masters if node is not owner)
    unreachable = UnreachableLanes(LANES)
    with connect_redis(cluster_servers.url, CONNECT_SECONDS) as redis:
        reader = InboxReader(redis, LANES)
        with moving(cluster_servers, 0, owner, other):
            pass
        try:
            with moving(cluster_servers, 0, other, owner) as migration:
                assert migration.move_some() > 0
                loads = reader.load(services.settings, unreachable)
                with pytest.raises(LanesUnreachableError, match=r"^lane 0 is out of reach: "):
                    reader.load(services.settings)
        finally:
            cluster_servers.wait_until_whole()
        assert (unreachable.lanes, [lane.lane for lane in loads]) == ([0], [*range(1, LANES)])
        assert len(reader.load(services.settings)) == LANES


def test_the_backlog_is_that_of_the_lanes_in_reach(services: Services, outage: Outage) -> None:
    """An autoscaler reads what workers can capture now. The missing lanes are named."""
    body = services.ask(BACKLOG)
    assert body["lanesOutOfReach"] == outage.dead
    assert [lane["lane"] for lane in body["lanes"]] == outage.living
    held = services.held - set(outage.dead)
    assert len(held) == len(services.held) - 1
    assert (body["waiting"], body["partitionsHeld"]) == (len(outage.living), len(held))
    assert body["partitionsDue"] == len(outage.living) - len(held)
    assert body["claimsDue"] == pytest.approx(sum(lane["claimsDue"] for lane in body["lanes"]))
    assert body["claimsDue"] > 0


@pytest.mark.parametrize("limit", [3, 1000])
def test_pages_have_the_partitions_in_reach(services: Services, outage: Outage, limit: int) -> None:
    """Every page names the missing lanes, and lists each other partition once and completely."""
    pages = list(services.pages(limit=limit))
    assert [page["lanesOutOfReach"] for page in pages] == [outage.dead] * len(pages)
    shown = [row for page in pages for row in page["partitions"]]
    assert [row["partitionKey"] for row in shown] == sorted(
        map(services.keys.__getitem__, outage.living)
    )
    assert {(row["accepted"], row["waiting"], row["lastSequence"]) for row in shown} == {(2, 1, 1)}


def test_held_partitions_in_reach_are_listed(services: Services, outage: Outage) -> None:
    """The held partition on the dead node is not listed, although the ledger has its pause."""
    (page,) = services.pages(held="true")
    assert page["lanesOutOfReach"] == outage.dead
    assert {row["lane"] for row in page["partitions"]} == services.held - set(outage.dead)


def test_a_partition_out_of_reach_is_unavailable(services: Services, outage: Outage) -> None:
    """The answer to its key is 503: the partition is neither unknown nor empty."""
    answer = services.http.get(f"{PARTITIONS}/{services.keys[outage.dead[0]]}")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert services.http.get(f"{PARTITIONS}/{services.keys[outage.living[0]]}").status_code == 200


def test_the_command_line_lists_what_is_in_reach(services: Services, outage: Outage) -> None:
    """Standard error names the missing lanes and the reason. The exit code is that of an outage."""
    result = services.run("partitions")
    assert result.exit_code == 3
    lines = [line for line in result.stderr.splitlines() if "out of reach" in line]
    assert len(lines) == 1
    assert lines[0].startswith(outage.words)
    assert lines[0].endswith("; their partitions are not listed")
    assert f"Partitions: {len(outage.living)}" in result.stdout
    for lane, key in enumerate(services.keys):
        assert (key in result.stdout) == (lane in outage.living)


def test_a_part_in_json_is_no_list(services: Services, outage: Outage) -> None:
    """The JSON of an incomplete list is an object, so no reader takes it for the whole list."""
    result = services.run("partitions", "--json")
    assert result.exit_code == 3
    body = json.loads(result.stdout)
    assert body["lanesOutOfReach"] == outage.dead
    assert body["why"].startswith(outage.words)
    assert sorted(row["lane"] for row in body["partitions"]) == outage.living


@pytest.mark.parametrize("words", [["reconcile"], ["reconcile", "--all", "--json"]])
def test_reconcile_refuses_a_part(services: Services, outage: Outage, words: list[str]) -> None:
    """Nothing is shown, not even of the lanes in reach. The error names the missing lanes."""
    result = services.run(*words)
    assert (result.exit_code, result.stdout) == (3, "")
    assert outage.words in result.stderr
    assert "needs all lanes" in result.stderr


def test_doctor_says_which_lanes_its_findings_are_not_of(
    services: Services, outage: Outage
) -> None:
    """The backlog and the held partitions of the other lanes are checked."""
    findings = {finding.subject: finding for finding in check_partitions(services.settings)}
    assert findings["lanes out of reach"].level is Level.WARN
    assert findings["lanes out of reach"].message.startswith(outage.words)
    part = "in the reachable lanes: "
    assert findings["newer entries"].message == f"{part}none"
    assert findings["backlog"].message.startswith(f"{part}{len(outage.living)} trades wait")
    # The ledger has every pause.
    assert findings["held partitions"].message.startswith(f"{part}{len(services.held)}, ")


def test_without_any_lane_nothing_is_listed(services: Services) -> None:
    """Without any node the answers are those without a single Redis: 503, and exit code 3."""
    settings = Settings(
        redis_url=NOWHERE,
        broker_url=services.settings.broker,
        database_url=services.settings.database_url,
        lanes=LANES,
        connect_seconds=CONNECT_SECONDS,
    )
    with serving(settings) as url:
        for path in (BACKLOG, PARTITIONS):
            answer = httpx.get(f"{url}{path}", timeout=RESPONSE_TIMEOUT_SECONDS)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    result = services.run("partitions", "--json", redis_url=NOWHERE)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Redis does not answer" in result.stderr
