"""The identity of a trade: its id and content, known in all lanes.

`seen` stands in the lane of the trade's partition, so it cannot tell that an id was used in a
partition of another lane. An identity stands in the lane that the id itself hashes to. It is
written after the trade is safe and only answers a conflict sooner: two submissions that race pass
both, and the ledger, whose key the id is, rejects the later one.
"""

from collections.abc import Sequence

from redis import Redis

from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.pipelined import each_answer
from tradecapture.routing import lane_of
from tradecapture.submission import Submission


def seen_id(submission: Submission) -> str:
    """Return the id under which the accept script remembers a submission.

    A replay has one of its own: the same replay twice is one entry, and the first receipt of the
    trade stays as it is. No trade id holds the character that sets them apart.
    """
    if submission.replay_of:
        return f"{submission.trade_id}\x1freplay:{submission.replay_of}"
    return submission.trade_id


def read_digests(redis: "Redis", lanes: int, submissions: Sequence[Submission]) -> list[str | None]:
    """Return the digest that each trade id stands for; None: it was not used, or is replayed.

    An id whose lane is out of reach counts as not used: the ledger would tell.

    Raises:
        RedisError: Redis is out of reach.
    """
    first_time = [submission for submission in submissions if not submission.replay_of]
    keys = [_key(submission.trade_id, lanes) for submission in first_time]
    values = iter(each_answer(redis, [("GET", key) for key in keys]))
    found = (None if submission.replay_of else next(values) for submission in submissions)
    return [value.decode() if isinstance(value, bytes) else None for value in found]


def write_digests(
    redis: "Redis", lanes: int, window_seconds: int, submissions: Sequence[Submission]
) -> None:
    """Remember what accepted trades' ids stand for, for the length of the idempotency window.

    Raises:
        RedisError: Redis is out of reach.
    """
    pipeline = redis.pipeline(transaction=False)
    for submission in submissions:
        key = _key(submission.trade_id, lanes)
        pipeline.set(key, submission.digest, nx=True, ex=window_seconds)
    pipeline.execute()


def _key(trade_id: str, lanes: int) -> str:
    return lane_keys(lane_of(trade_id, lanes)).identity(trade_id)
