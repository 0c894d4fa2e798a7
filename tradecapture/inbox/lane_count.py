"""The lane count: recorded at first use, so that no process looks for trades in wrong lanes."""

from redis import Redis
from redis.exceptions import RedisError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.redis_client import pipeline_replies
from tradecapture.inbox.keys import LANES_KEY, lane_keys


class LaneCountError(RuntimeError):
    """This process has another lane count than the one recorded at first use."""


def check_lane_count(redis: "Redis", lanes: int) -> None:
    """Record the lane count at first use; afterwards compare with it.

    Args:
        redis: with the inboxes.
        lanes: the lane count of this process.

    Raises:
        LaneCountError: another count is recorded.
        RedisError: Redis is out of reach.
    """
    counts = recorded_lane_counts(redis, lanes)
    if None in counts:
        # Written only if nothing is recorded: so the check succeeds on a full Redis.
        record_lane_count(redis, lanes)
        counts = recorded_lane_counts(redis, lanes)
    for count in counts - {None, lanes}:
        keys = _lane_count_keys(redis, count or 1)
        where = f"the keys {keys[0]} to {keys[-1]}" if len(keys) > 1 else f"the key {keys[0]}"
        raise LaneCountError(
            f"TRADECAPTURE_LANES is {lanes}, but this Redis was first used with "
            f"{count} lanes. Nothing was changed. Set TRADECAPTURE_LANES={count}; or, to "
            "change the count, stop submitting, let `tradecapture reconcile` show nothing "
            f"waiting, stop every process, delete {where} and start again"
        )


def recorded_lane_counts(redis: "Redis", lanes: int) -> set[int | None]:
    """Return the recorded lane counts, normally one. None: some key has no count.

    Args:
        redis: with the inboxes.
        lanes: the lane count of this process: on a cluster, how many keys to read.

    Raises:
        RedisError: Redis is out of reach.
    """
    replies = pipeline_replies(redis, [("GET", key) for key in _lane_count_keys(redis, lanes)])
    counts = [reply for reply in replies if not isinstance(reply, RedisError)]
    return {None if count is None else int(count) for count in counts}


def record_lane_count(redis: "Redis", lanes: int) -> None:
    """Record the lane count where none is recorded.

    Args:
        redis: with the inboxes.
        lanes: the lane count of this process.

    Raises:
        RedisError: Redis is out of reach, full or a replica.
    """
    keys = _lane_count_keys(redis, lanes)
    pipeline_replies(redis, [("SET", key, lanes, "NX") for key in keys])


def _lane_count_keys(redis: "Redis", lanes: int) -> list[str]:
    """Return the keys that hold the lane count: one, or on a cluster one a lane.

    A cluster with a single key could start no process while the node of that key is away.
    """
    if isinstance(redis, ClusterRedis):
        return [lane_keys(lane).lanes for lane in range(lanes)]
    return [LANES_KEY]
