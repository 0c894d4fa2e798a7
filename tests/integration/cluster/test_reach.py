"""What looks at all lanes while a node is away: it shows those in reach, and says which are not."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from click.testing import CliRunner, Result

from tests.support.api.api_in_process import ANSWER_SECONDS, PARTITIONS, serving
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


class Desk(NamedTuple):
    """An API, a command line and a ledger; in each lane one partition, and a trade that waits."""

    http: httpx.Client
    settings: Settings
    keys: list[PartitionKey]  # of the partition of each lane
    held: set[int]  # lanes whose partition is paused

    def ask(self, path: str, **query: Any) -> Any:
        """Return what the API answers."""
        response = self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Turn the pages of partitions."""
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
    """A node that is away."""

    name: str
    dead: list[int]  # its lanes

    @property
    def living(self) -> list[int]:
        """The lanes of the others."""
        return [lane for lane in range(LANES) if lane not in self.dead]

    @property
    def words(self) -> str:
        """What is said of it wherever words are said."""
        lanes = ", ".join(map(str, self.dead))
        return f"lanes {lanes} are out of reach: the Redis node {self.name} does not answer: "


@pytest.fixture(scope="module")
def desk(
    cluster_servers: ClusterServers,
    redis_server: RedisServer,
    sqlite_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """Of each partition one trade is captured and one waits; that of the first lanes is paused."""
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
            httpx.Client(base_url=running.enter_context(serving(settings)), timeout=ANSWER_SECONDS)
        )
        # One of the node that will be away, and one of each other node.
        held = {cluster_servers.lanes_of(node, LANES)[0] for node in cluster_servers.masters}
        found = Desk(http, settings, keys, held)
        for lane in held:
            assert found.run("partitions", "pause", keys[lane], "--why", "a look").exit_code == 0
        yield found


@pytest.fixture(scope="module")
def outage(desk: Desk, cluster_servers: ClusterServers) -> Iterator[Outage]:
    """The node that has lane 0 is away until the last of these tests; see `test_nodes` for silent.

    Tests that need all nodes stand before.
    """
    node = cluster_servers.owner_of(0)
    node.kill()
    try:
        yield Outage(node.name, cluster_servers.lanes_of(node, LANES))
    finally:
        node.start()
        cluster_servers.wait_until_whole()


def test_all_lanes_in_reach_are_the_whole(desk: Desk) -> None:
    """The field is there, and empty; the command line's JSON is the list that it always was."""
    backlog, page = desk.ask(BACKLOG), desk.ask(PARTITIONS)
    assert (backlog["lanesOutOfReach"], page["lanesOutOfReach"]) == ([], [])
    assert (backlog["waiting"], len(page["partitions"])) == (LANES, LANES)
    result = desk.run("partitions", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [row["partitionKey"] for row in json.loads(result.stdout)] == sorted(desk.keys)
    assert "lanes out of reach" not in [found.subject for found in check_partitions(desk.settings)]


def test_a_lane_that_is_half_moved_is_out_of_reach_for_its_work(
    desk: Desk, cluster_servers: ClusterServers
) -> None:
    """No script runs there; the work of the others is seen. What needs all of it is refused."""
    owner = cluster_servers.owner_of(0)
    other = next(node for node in cluster_servers.masters if node is not owner)
    noted = UnreachableLanes(LANES)
    with connect_redis(cluster_servers.url, CONNECT_SECONDS) as redis:
        reader = InboxReader(redis, LANES)
        with moving(cluster_servers, 0, owner, other):
            pass
        try:
            with moving(cluster_servers, 0, other, owner) as migration:
                assert migration.move_some() > 0
                work = reader.load(desk.settings, noted)
                with pytest.raises(LanesUnreachableError, match=r"^lane 0 is out of reach: "):
                    reader.load(desk.settings)
        finally:
            cluster_servers.wait_until_whole()
        assert (noted.lanes, [lane.lane for lane in work]) == ([0], [*range(1, LANES)])
        assert len(reader.load(desk.settings)) == LANES


def test_the_backlog_is_that_of_the_lanes_in_reach(desk: Desk, outage: Outage) -> None:
    """An autoscaler reads what workers can do now; the others are named."""
    body = desk.ask(BACKLOG)
    assert body["lanesOutOfReach"] == outage.dead
    assert [lane["lane"] for lane in body["lanes"]] == outage.living
    held = desk.held - set(outage.dead)
    assert len(held) == len(desk.held) - 1
    assert (body["waiting"], body["partitionsHeld"]) == (len(outage.living), len(held))
    assert body["partitionsDue"] == len(outage.living) - len(held)
    assert body["claimsDue"] == pytest.approx(sum(lane["claimsDue"] for lane in body["lanes"]))
    assert body["claimsDue"] > 0


@pytest.mark.parametrize("limit", [3, 1000])
def test_pages_have_the_partitions_in_reach(desk: Desk, outage: Outage, limit: int) -> None:
    """Each once and whole, each page with the lanes that are not; also where the ledger knows."""
    pages = list(desk.pages(limit=limit))
    assert [page["lanesOutOfReach"] for page in pages] == [outage.dead] * len(pages)
    shown = [row for page in pages for row in page["partitions"]]
    assert [row["partitionKey"] for row in shown] == sorted(
        map(desk.keys.__getitem__, outage.living)
    )
    assert {(row["accepted"], row["waiting"], row["lastSequence"]) for row in shown} == {(2, 1, 1)}


def test_held_partitions_in_reach_are_listed(desk: Desk, outage: Outage) -> None:
    """The ledger knows of the one that is not, and what waits in it nobody knows."""
    (page,) = desk.pages(held="true")
    assert page["lanesOutOfReach"] == outage.dead
    assert {row["lane"] for row in page["partitions"]} == desk.held - set(outage.dead)


def test_a_partition_out_of_reach_is_unavailable(desk: Desk, outage: Outage) -> None:
    """Asked for by its key: not unknown, and not empty."""
    answer = desk.http.get(f"{PARTITIONS}/{desk.keys[outage.dead[0]]}")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert desk.http.get(f"{PARTITIONS}/{desk.keys[outage.living[0]]}").status_code == 200


def test_the_command_line_lists_what_is_in_reach(desk: Desk, outage: Outage) -> None:
    """A line on standard error has the rest and why, and the exit code is that of an outage."""
    result = desk.run("partitions")
    assert result.exit_code == 3
    lines = [line for line in result.stderr.splitlines() if "out of reach" in line]
    assert len(lines) == 1
    assert lines[0].startswith(outage.words)
    assert lines[0].endswith("; their partitions are not listed")
    assert f"Partitions: {len(outage.living)}" in result.stdout
    for lane, key in enumerate(desk.keys):
        assert (key in result.stdout) == (lane in outage.living)


def test_a_part_in_json_is_no_list(desk: Desk, outage: Outage) -> None:
    """So that nothing that reads the whole can read a part for it."""
    result = desk.run("partitions", "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found["lanesOutOfReach"] == outage.dead
    assert found["why"].startswith(outage.words)
    assert sorted(row["lane"] for row in found["partitions"]) == outage.living


@pytest.mark.parametrize("words", [["reconcile"], ["reconcile", "--all", "--json"]])
def test_reconcile_refuses_a_part(desk: Desk, outage: Outage, words: list[str]) -> None:
    """No account is shown, not even of the lanes in reach; the error says which are missing."""
    result = desk.run(*words)
    assert (result.exit_code, result.stdout) == (3, "")
    assert outage.words in result.stderr
    assert "needs all lanes" in result.stderr


def test_doctor_says_which_lanes_its_findings_are_not_of(desk: Desk, outage: Outage) -> None:
    """It looks at the others: at what waits there, and at what is held."""
    found = {finding.subject: finding for finding in check_partitions(desk.settings)}
    assert found["lanes out of reach"].level is Level.WARN
    assert found["lanes out of reach"].message.startswith(outage.words)
    part = "in the reachable lanes: "
    assert found["newer entries"].message == f"{part}none"
    assert found["backlog"].message.startswith(f"{part}{len(outage.living)} trades wait")
    # The ledger has all that operators paused.
    assert found["held partitions"].message.startswith(f"{part}{len(desk.held)}, ")


def test_without_any_lane_nothing_is_listed(desk: Desk) -> None:
    """Every node away is what a lone Redis out of reach is: 503, and exit code 3."""
    settings = Settings(
        redis_url=NOWHERE,
        broker_url=desk.settings.broker,
        database_url=desk.settings.database_url,
        lanes=LANES,
        connect_seconds=CONNECT_SECONDS,
    )
    with serving(settings) as url:
        for path in (BACKLOG, PARTITIONS):
            answer = httpx.get(f"{url}{path}", timeout=ANSWER_SECONDS)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    result = desk.run("partitions", "--json", redis_url=NOWHERE)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "Redis does not answer" in result.stderr
