"""Looking into Redis: what a test may know of a lane beside what the inbox says."""

import time
from typing import Any

from redis import Redis

from tradecapture.inbox import Claim, Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.server import wait_until
from tradecapture.trades.partition import PartitionKey

KEYS = lane_keys(0)
PATIENCE_SECONDS = 5.0


def everything(redis: "Redis") -> dict[bytes, bytes | None]:
    """Return every key with its value (as DUMP writes it): equal only if nothing was changed."""
    keys: Any = redis.keys()
    return {key: redis.dump(key) for key in keys}


def waiting(redis: "Redis", partition_key: PartitionKey) -> int:
    """Return how many trades wait in a partition."""
    return redis.llen(KEYS.inbox(partition_key))


def due_in_ms(redis: "Redis", partition_key: PartitionKey) -> float | None:
    """Return when a partition may be claimed, in ms from now; None: it is not due at all."""
    score = redis.zscore(KEYS.due, partition_key)
    seconds, microseconds = redis.time()
    return None if score is None else score - (seconds * 1000 + microseconds / 1000)


def claimed(inbox: Inbox, owner: str = "owner", jitter: float = 0.0) -> Claim:
    """Claim what is due in lane 0; something must be."""
    claim = inbox.claim(0, owner, jitter)
    assert claim is not None
    return claim


def claimed_soon(inbox: Inbox, owner: str = "owner") -> Claim:
    """Claim as soon as something is due in lane 0."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (claim := inbox.claim(0, owner, 0.0)) is None:
        assert time.monotonic() < deadline, "nothing became due"
        time.sleep(0.002)
    return claim


def until_gone(redis: "Redis", key: str) -> None:
    """Wait until a key has expired."""
    assert wait_until(lambda: redis.exists(key) == 0, PATIENCE_SECONDS)


def trade_ids(claim: Claim) -> list[list[str]]:
    """Return the ids of the claimed trades, partition by partition."""
    return [
        [entry.submission.trade_id for entry in claimed.entries] for claimed in claim.partitions
    ]
