"""While a node is unreachable, a process refuses only its lanes and delays no other."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.support.builders import submissions
from tests.support.deployment.completion import wait_for
from tests.support.inbox.lanes import LANES, of_each_lane
from tests.support.servers.redis.cluster_servers import ClusterServers, NodeServer
from tests.support.servers.redis.slot_migration import moving
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.inbox import (
    Inbox,
    InboxReader,
    LaneCountError,
    LanesUnreachableError,
    UnreachableLanes,
    connect_redis,
)
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.unreachable import read_each_lane
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode

TIMEOUT_SECONDS = 1.0  # of one exchange with a node
CALLS = 20


@pytest.fixture
def wide(cluster_servers: ClusterServers, settings: Settings) -> Iterator[Inbox]:
    """The inboxes of sixteen lanes on an empty cluster."""
    with connect_redis(cluster_servers.url, TIMEOUT_SECONDS) as redis:
        redis.flushall()
        yield Inbox(redis, replace(settings, lanes=LANES))


@pytest.fixture
def away(cluster_servers: ClusterServers) -> Iterator[NodeServer]:
    """The node that has lane 0. A test may stop it, as if its host had vanished."""
    node = cluster_servers.owner_of(0)
    yield node
    os.kill(node.process.pid, signal.SIGCONT)
    cluster_servers.wait_until_whole()


def test_lanes_are_spread_over_the_nodes(cluster_servers: ClusterServers) -> None:
    """Of sixteen lanes the nodes have four, six and six. With more lanes each has about a third."""
    nodes = cluster_servers.masters
    shares = {
        lanes: sorted(len(cluster_servers.lanes_of(node, lanes)) for node in nodes)
        for lanes in (LANES, 64, 256)
    }
    assert shares == {LANES: [4, 6, 6], 64: [21, 21, 22], 256: [79, 86, 91]}


def test_a_host_that_vanished_holds_up_nobody(
    wide: Inbox,
    cluster_servers: ClusterServers,
    away: NodeServer,
    figure: Callable[[str], None],
) -> None:
    """One call waits for the timeout. Later ones refuse the node's lanes at once."""
    dead = cluster_servers.lanes_of(away, LANES)
    assert all(isinstance(answer, Receipt) for answer in wide.accept(of_each_lane("A")).answers)
    os.kill(away.process.pid, signal.SIGSTOP)
    durations = []
    for call in range(CALLS):
        started = time.monotonic()
        answers = wide.accept(of_each_lane(f"B{call}")).answers
        durations.append(time.monotonic() - started)
        refused = [lane for lane, answer in enumerate(answers) if isinstance(answer, Refusal)]
        assert refused == dead
        assert isinstance(answers[0], Refusal)
        assert answers[0].code is RefusalCode.UNAVAILABLE
        time.sleep(0.02)
    assert sum(seconds >= TIMEOUT_SECONDS for seconds in durations) <= 2
    os.kill(away.process.pid, signal.SIGCONT)
    batch = of_each_lane("C")
    wait_for(
        "all are accepted",
        lambda: all(isinstance(answer, Receipt) for answer in wide.accept(batch).answers),
    )
    median = sorted(durations)[CALLS // 2]
    figure(f"a cluster node without an answer: calls of all lanes take {median * 1000:.0f} ms")


def test_a_process_can_start_while_any_node_is_away(
    wide: Inbox, cluster_servers: ClusterServers, settings: Settings
) -> None:
    """Every node stores the lane count, so a process can check it on the others."""
    wide.check_lane_count()
    for node in cluster_servers.masters:
        os.kill(node.process.pid, signal.SIGSTOP)
        try:
            with connect_redis(cluster_servers.url, TIMEOUT_SECONDS) as redis:
                Inbox(redis, replace(settings, lanes=LANES)).probe_write()
                with pytest.raises(LaneCountError, match=r"LANES=16.*delete the keys tc:"):
                    Inbox(redis, replace(settings, lanes=32)).check_lane_count()
                assert redis.time()
        finally:
            os.kill(node.process.pid, signal.SIGCONT)
            cluster_servers.wait_until_whole()


def test_trades_on_other_nodes_are_found_while_a_node_is_away(
    wide: Inbox, cluster_servers: ClusterServers, away: NodeServer
) -> None:
    """A trade on another node is found. A trade that may be on this node is an error."""
    dead = cluster_servers.lanes_of(away, LANES)
    batch = of_each_lane("A")
    wide.accept(batch)
    os.kill(away.process.pid, signal.SIGSTOP)
    reader = InboxReader(wide.redis, LANES)
    for lane, sent in enumerate(batch):
        if lane in dead:
            with pytest.raises(RedisError):
                reader.accepted_trade(sent.trade_id)
        else:
            seen = reader.accepted_trade(sent.trade_id)
            assert seen is not None
            assert seen.partition_key == sent.partition_key
    with pytest.raises(LanesUnreachableError, match=re.escape(f"node {away.name} does not answer")):
        reader.backlog()


def test_a_listing_leaves_out_the_lanes_of_a_silent_node(
    wide: Inbox,
    cluster_servers: ClusterServers,
    away: NodeServer,
    figure: Callable[[str], None],
) -> None:
    """Its lanes are read together and not one by one, so they cost one timeout."""
    dead = cluster_servers.lanes_of(away, LANES)
    living = [lane for lane in range(LANES) if lane not in dead]
    wide.accept(of_each_lane("A"))
    os.kill(away.process.pid, signal.SIGSTOP)
    unreachable, started = UnreachableLanes(LANES), time.monotonic()
    rows = InboxReader(wide.redis, LANES).partitions(unreachable)
    figure(f"all partitions while a cluster node is silent: {time.monotonic() - started:.2f} s")
    assert (unreachable.lanes, sorted(row.lane for row in rows)) == (dead, living)
    read_lanes: list[int] = []
    list(read_each_lane(wide.redis, range(LANES), read_lanes.append, UnreachableLanes(LANES)))
    assert read_lanes == living


def test_a_node_that_lost_its_scripts_is_told_them(
    wide: Inbox, cluster_servers: ClusterServers
) -> None:
    """A restarted or promoted node has no scripts. The client loads them again."""
    wide.accept(of_each_lane("A"))
    with cluster_servers.owner_of(0).redis() as redis:
        redis.script_flush()
    assert all(isinstance(answer, Receipt) for answer in wide.accept(of_each_lane("B")).answers)
    with cluster_servers.owner_of(0).redis() as redis:
        redis.script_flush()
    assert wide.claim(0, "owner", 0.0) is not None


def test_without_any_node_all_trades_are_refused(settings: Settings) -> None:
    """As with one unreachable Redis, trades are refused and nothing is raised."""
    nowhere = "redis+cluster://127.0.0.1:1;redis+cluster://127.0.0.1:2"
    with connect_redis(nowhere, TIMEOUT_SECONDS) as redis:
        (answer,) = Inbox(redis, settings).accept(submissions(1)).answers
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.UNAVAILABLE
        with pytest.raises(RedisError):
            Inbox(redis, settings).check_lane_count()


def test_a_trade_is_safe_when_replicas_of_its_own_node_have_it(
    replicated_once: ClusterServers, settings: Settings
) -> None:
    """The node of a trade says whether its replicas have it, also after a slot has moved."""
    with connect_redis(replicated_once.url, CONNECT_SECONDS) as redis:
        inbox = Inbox(redis, replace(settings, lanes=LANES, safe_replicas=1, connect_seconds=0.6))
        alone, pair = replicated_once.masters[1], replicated_once.masters[0]
        safe = replicated_once.lanes_of(pair, LANES)
        for trade_ids in ("A", "A"):  # a resend is as safe as the first submission
            answers = inbox.accept(of_each_lane(trade_ids)).answers
            accepted = [n for n, answer in enumerate(answers) if isinstance(answer, Receipt)]
            assert accepted == safe
        with moving(replicated_once, safe[0], pair, alone):
            pass
        pipeline = redis.pipeline(transaction=False)
        pipeline.set(lane_keys(safe[0]).bell, 1)  # the client's slot map is from before the move
        pipeline.wait(1, 100)
        assert pipeline.execute() == [True, 0]
        answers = inbox.accept(of_each_lane("B")).answers
        accepted = [n for n, answer in enumerate(answers) if isinstance(answer, Receipt)]
        assert accepted == safe[1:]


@pytest.fixture
def replicated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    """A cluster in which only the first node has a replica."""
    with ClusterServers(tmp_path_factory.mktemp("cluster"), replicas=1) as servers:
        yield servers


def test_the_client_is_a_redis(wide: Inbox) -> None:
    """Code that takes a `Redis` takes a cluster too."""
    assert isinstance(wide.redis, Redis)
