"""An empty Redis for each test of the inbox: a plain one, and for most tests a cluster too."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.inbox import connect_redis

PLAIN, CLUSTER = "plain", "cluster"
# The modules that also run on a cluster. They use inboxes through the product and read one key at a
# time. The others need one server: they change its scripts, fill it, monitor it or promote it.
ON_CLUSTER = (
    *("test_acceptance", "test_backlog", "test_bell", "test_claim", "test_hold", "test_identity"),
    *("test_limits", "test_postpone", "test_reader", "test_renew", "test_replay", "test_complete"),
    *("test_claim_one", "test_upstream"),
)


@pytest.fixture(scope="session")
def cluster_connection(cluster_servers: ClusterServers) -> Iterator["Redis"]:
    """A client of the cluster, as the product makes it."""
    with connect_redis(cluster_servers.url, CONNECT_SECONDS) as redis:
        yield redis


@pytest.fixture(params=[PLAIN, CLUSTER])
def redis(request: pytest.FixtureRequest) -> "Redis":
    """An empty Redis: first a plain one, then a cluster."""
    name = "redis_connection" if request.param == PLAIN else "cluster_connection"
    found: Redis = request.getfixturevalue(name)
    found.flushall()
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that need one server on the cluster."""
    left_out = [item for item in items if _is_on_cluster(item) and not _belongs_on_cluster(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_on_cluster(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    return spec is not None and spec.params.get("redis") == CLUSTER


def _belongs_on_cluster(item: pytest.Item) -> bool:
    fills_it = "full_redis" in getattr(item, "fixturenames", ())
    return item.path.stem in ON_CLUSTER and not fills_it
