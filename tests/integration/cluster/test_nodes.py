"""Nodes that are away, seen from one process: their lanes are refused, no other one waits."""

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

SOON_SECONDS = 1.0  # for one answer
CALLS = 20


@pytest.fixture
def wide(cluster_servers: ClusterServers, settings: Settings) -> Iterator[Inbox]:
    """The inboxes of sixteen lanes on an empty cluster."""
    with connect_redis(cluster_servers.url, SOON_SECONDS) as redis:
        redis.flushall()
        yield Inbox(redis, replace(settings, lanes=LANES))


@pytest.fixture
def away(cluster_servers: ClusterServers) -> Iterator[NodeServer]:
    """The node that has lane 0; a test may stop it, as a host that vanishes."""
    node = cluster_servers.owner_of(0)
    yield node
    os.kill(node.process.pid, signal.SIGCONT)
    cluster_servers.wait_until_whole()


def test_lanes_are_spread_over_the_nodes(cluster_servers: ClusterServers) -> None:
    """Four, six and six of sixteen; of more lanes each node has nearer a third."""
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
    """One call waits out its time; until the node is back the others are refused what it has."""
    dead = cluster_servers.lanes_of(away, LANES)
    assert all(isinstance(answer, Receipt) for answer in wide.accept(of_each_lane("A")).answers)
    os.kill(away.process.pid, signal.SIGSTOP)
    took = []
    for call in range(CALLS):
        started = time.monotonic()
        answers = wide.accept(of_each_lane(f"B{call}")).answers
        took.append(time.monotonic() - started)
        refused = [lane for lane, answer in enumerate(answers) if isinstance(answer, Refusal)]
        assert refused == dead
        assert isinstance(answers[0], Refusal)
        assert answers[0].code is RefusalCode.UNAVAILABLE
        time.sleep(0.02)
    assert sum(seconds >= SOON_SECONDS for seconds in took) <= 2
    os.kill(away.process.pid, signal.SIGCONT)
    batch = of_each_lane("C")
    wait_for(
        "all are accepted",
        lambda: all(isinstance(answer, Receipt) for answer in wide.accept(batch).answers),
    )
    median = sorted(took)[CALLS // 2]
    figure(f"a cluster node without an answer: calls of all lanes take {median * 1000:.0f} ms")


def test_a_process_can_start_while_any_node_is_away(
    wide: Inbox, cluster_servers: ClusterServers, settings: Settings
) -> None:
    """The lane count stands on every node: it is checked, and this process is ready."""
    wide.check_lane_count()
    for node in cluster_servers.masters:
        os.kill(node.process.pid, signal.SIGSTOP)
        try:
            with connect_redis(cluster_servers.url, SOON_SECONDS) as redis:
                Inbox(redis, replace(settings, lanes=LANES)).probe_write()
                with pytest.raises(LaneCountError, match=r"LANES=16.*delete the keys tc:"):
                    Inbox(redis, replace(settings, lanes=32)).check_lane_count()
                assert redis.time()
        finally:
            os.kill(node.process.pid, signal.SIGCONT)
            cluster_servers.wait_until_whole()


def test_what_is_known_is_told_while_a_node_is_away(
    wide: Inbox, cluster_servers: ClusterServers, away: NodeServer
) -> None:
    """A trade that another node has is found; of one that may be there nothing is claimed."""
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
    """They are asked for together and never one by one: one timeout is waited out for all."""
    dead = cluster_servers.lanes_of(away, LANES)
    living = [lane for lane in range(LANES) if lane not in dead]
    wide.accept(of_each_lane("A"))
    os.kill(away.process.pid, signal.SIGSTOP)
    noted, started = UnreachableLanes(LANES), time.monotonic()
    found = InboxReader(wide.redis, LANES).partitions(noted)
    figure(f"all partitions while a cluster node is silent: {time.monotonic() - started:.2f} s")
    assert (noted.lanes, sorted(row.lane for row in found)) == (dead, living)
    looked_into: list[int] = []
    list(read_each_lane(wide.redis, range(LANES), looked_into.append, UnreachableLanes(LANES)))
    assert looked_into == living


def test_a_node_that_lost_its_scripts_is_told_them(
    wide: Inbox, cluster_servers: ClusterServers
) -> None:
    """A restarted or promoted node knows none; the others are not asked twice."""
    wide.accept(of_each_lane("A"))
    with cluster_servers.owner_of(0).redis() as redis:
        redis.script_flush()
    assert all(isinstance(answer, Receipt) for answer in wide.accept(of_each_lane("B")).answers)
    with cluster_servers.owner_of(0).redis() as redis:
        redis.script_flush()
    assert wide.claim(0, "owner", 0.0) is not None


def test_nobody_there_is_a_refusal_of_all(settings: Settings) -> None:
    """Like a plain Redis that is out of reach: nothing is raised."""
    nowhere = "redis+cluster://127.0.0.1:1;redis+cluster://127.0.0.1:2"
    with connect_redis(nowhere, SOON_SECONDS) as redis:
        (answer,) = Inbox(redis, settings).accept(submissions(1)).answers
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.UNAVAILABLE
        with pytest.raises(RedisError):
            Inbox(redis, settings).check_lane_count()


def test_a_trade_is_safe_when_replicas_of_its_own_node_have_it(
    replicated_once: ClusterServers, settings: Settings
) -> None:
    """Each lane's trades are answered for by the node that they went to, also after a move."""
    with connect_redis(replicated_once.url, CONNECT_SECONDS) as redis:
        inbox = Inbox(redis, replace(settings, lanes=LANES, safe_replicas=1, connect_seconds=0.6))
        alone, pair = replicated_once.masters[1], replicated_once.masters[0]
        safe = replicated_once.lanes_of(pair, LANES)
        for trade_ids in ("A", "A"):  # a resend is as safe as what it resends
            answers = inbox.accept(of_each_lane(trade_ids)).answers
            accepted = [n for n, answer in enumerate(answers) if isinstance(answer, Receipt)]
            assert accepted == safe
        with moving(replicated_once, safe[0], pair, alone):
            pass
        pipeline = redis.pipeline(transaction=False)
        pipeline.set(lane_keys(safe[0]).bell, 1)  # by a map of before the move
        pipeline.wait(1, 100)
        assert pipeline.execute() == [True, 0]
        answers = inbox.accept(of_each_lane("B")).answers
        accepted = [n for n, answer in enumerate(answers) if isinstance(answer, Receipt)]
        assert accepted == safe[1:]


@pytest.fixture
def replicated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    """A cluster whose first node alone has a replica."""
    with ClusterServers(tmp_path_factory.mktemp("cluster"), replicas=1) as servers:
        yield servers


def test_the_client_is_a_redis(wide: Inbox) -> None:
    """All that takes a Redis takes a cluster."""
    assert isinstance(wide.redis, Redis)
