"""Why the project has a cluster client of its own, and what the client adds to a command."""

import pytest
from redis.cluster import PIPELINE_BLOCKED_COMMANDS, ClusterPipeline
from redis.exceptions import RedisClusterException

from tradecapture.connections.cluster.dispatch import Command


def test_redis_py_refuses_scripts_in_a_cluster_pipeline() -> None:
    """If this fails, redis-py may replace `connections/cluster`; see the docstring of `client`."""
    assert "EVALSHA" in PIPELINE_BLOCKED_COMMANDS
    pipeline = ClusterPipeline.__new__(ClusterPipeline)
    with pytest.raises(RedisClusterException, match="evalsha is blocked"):
        pipeline.evalsha("0" * 40, 0)


def test_a_script_is_sent_with_a_key_that_never_exists() -> None:
    """The key is in the script's slot, after its own keys. Other commands are sent unchanged."""
    script = Command(("EVALSHA", "sha", 2, "{lane}:a", "{lane}:b", "argument"), {})
    assert script.key == "{lane}:a"
    assert script.sent_args == (
        *("EVALSHA", "sha", 3, "{lane}:a", "{lane}:b"),
        *("{lane}:a:nowhere", "argument"),
    )
    get = Command(("GET", "{lane}:a"), {})
    assert (get.key, get.sent_args) == ("{lane}:a", get.args)
