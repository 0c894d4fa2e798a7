"""What a test reads of a lane directly from Redis, and claims that it makes."""

import time
from typing import Any

from redis import Redis

from tradecapture.inbox import Claim, Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.server import wait_until
from tradecapture.trades.partition import PartitionKey

KEYS = lane_keys(0)
MAX_WAIT_SECONDS = 5.0


def everything(redis: "Redis") -> dict[bytes, bytes | None]:
    """Return every key with its value (as DUMP writes it): equal only if nothing has changed."""
    keys: Any = redis.keys()
    return {key: redis.dump(key) for key in keys}


def waiting(redis: "Redis", partition_key: PartitionKey) -> int:
    """Return how many trades wait in a partition."""
    return redis.llen(KEYS.inbox(partition_key))


def due_in_ms(redis: "Redis", partition_key: PartitionKey) -> float | None:
    """Return in how many ms a partition may be claimed; None: it is not in the due set."""
    score = redis.zscore(KEYS.due, partition_key)
    seconds, microseconds = redis.time()
    return None if score is None else score - (seconds * 1000 + microseconds / 1000)


def claimed(inbox: Inbox, owner: str = "owner", jitter: float = 0.0) -> Claim:
    """Claim the due partitions of lane 0; one at least must be due."""
    claim = inbox.claim(0, owner, jitter)
    assert claim is not None
    return claim


def claimed_soon(inbox: Inbox, owner: str = "owner") -> Claim:
    """Claim as soon as a partition of lane 0 is due."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while (claim := inbox.claim(0, owner, 0.0)) is None:
        assert time.monotonic() < deadline, "nothing became due"
        time.sleep(0.002)
    return claim


def until_gone(redis: "Redis", key: str) -> None:
    """Wait until a key has expired."""
    assert wait_until(lambda: redis.exists(key) == 0, MAX_WAIT_SECONDS)


def trade_ids(claim: Claim) -> list[list[str]]:
    """Return the ids of the claimed trades, partition by partition."""
    return [
        [entry.submission.trade_id for entry in claimed.entries] for claimed in claim.partitions
    ]
