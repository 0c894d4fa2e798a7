"""Many commands in one round trip; on a cluster, in one to each node."""

from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError


def pipelined(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies.

    Raises:
        RedisError: Redis is out of reach, or a command failed.
    """
    replies = each_answer(redis, commands)
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies


def each_answer(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies; of one that failed, its error.

    Raises:
        RedisError: Redis is out of reach, or all commands failed.
    """
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = pipeline.execute(raise_on_error=False)
    if replies and all(isinstance(reply, RedisError) for reply in replies):
        raise replies[0]
    return replies
