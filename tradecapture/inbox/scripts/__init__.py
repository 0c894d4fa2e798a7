"""The Lua scripts of the inbox, and the one way to call them: many calls, one round trip."""

from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.inbox.keys import ACKNOWLEDGED_KEY

NAMES = (
    *("accept", "claim", "claim_one", "complete", "postpone", "renew"),
    *("hold", "unhold", "ring", "load"),
)
_SOURCES = {name: files(__name__).joinpath(f"{name}.lua").read_text() for name in NAMES}
# SHA-1 because that is what EVALSHA names a script by (Redis command reference), not for security.
_NAMED_BY = {
    name: sha1(source.encode(), usedforsecurity=False).hexdigest()
    for name, source in _SOURCES.items()
}

Argument = str | bytes | int | float


class Safety(NamedTuple):
    """How many replicas must have what calls wrote, and how long to wait for them."""

    replicas: int  # 0: none, and nothing is asked
    wait_ms: int


UNASKED = Safety(0, 0)


class NotReplicatedError(RedisError):
    """Too few replicas said in time that they have what a call wrote; the master may have it."""


class Call(NamedTuple):
    """One call of a script: its name, its keys and its arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[Argument]

    @property
    def command(self) -> tuple[Argument, ...]:
        """The EVALSHA command of this call."""
        named_by = _NAMED_BY[self.script]
        return ("EVALSHA", named_by, len(self.keys), *self.keys, *self.arguments)


def run(redis: "Redis", call: Call) -> Any:
    """Run one call; a Redis that does not know the script yet is told it first."""
    return _with_scripts(redis, lambda: redis.execute_command(*call.command))


def run_all(redis: "Redis", calls: Sequence[Call], safety: Safety = UNASKED) -> list[Any]:
    """Run calls in one round trip. A call that failed has its exception as its reply.

    So has one whose writes, or those of an earlier run of it, too few replicas have.

    Calls that the server did not know the script of are run again, after the others: put no two
    calls in one round trip whose order matters.
    """
    replies = _pipelined(redis, calls, safety)
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        load(redis)
        again = _pipelined(redis, [calls[index] for index in unknown], safety)
        for index, reply in zip(unknown, again, strict=True):
            replies[index] = reply
    return replies


def load(redis: "Redis") -> None:
    """Make the scripts known to the server."""
    for source in _SOURCES.values():
        redis.script_load(source)


def _with_scripts(redis: "Redis", command: Callable[[], Any]) -> Any:
    try:
        return command()
    except NoScriptError:
        load(redis)
        return command()


def _pipelined(redis: "Redis", calls: Sequence[Call], safety: Safety) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for call in calls:
        pipeline.execute_command(*call.command)
    if not safety.replicas:
        return pipeline.execute(raise_on_error=False)
    # WAIT speaks of its own connection's writes. A call that finds a trade of another connection
    # writes nothing, and yet answers for it: this write lies behind that one.
    behind = [_acknowledged_key(redis, call) for call in calls]
    keys = list(dict.fromkeys(behind))
    for key in keys:
        pipeline.set(key, 1)
        pipeline.wait(safety.replicas, safety.wait_ms)
    replies = pipeline.execute(raise_on_error=False)
    answers = replies[len(calls) :]
    missing = {
        key: _why_not_safe(written, acknowledged, safety)
        for key, written, acknowledged in zip(keys, answers[::2], answers[1::2], strict=True)
    }
    return [
        reply if isinstance(reply, Exception) else missing[key] or reply
        for key, reply in zip(behind, replies, strict=False)
    ]


def _acknowledged_key(redis: "Redis", call: Call) -> str:
    """Return the key that is written behind a call: on a cluster one on the node of its lane."""
    if isinstance(redis, ClusterRedis):
        return f"{call.keys[0]}:acknowledged"
    return ACKNOWLEDGED_KEY


def _why_not_safe(written: Any, acknowledged: Any, safety: Safety) -> NotReplicatedError | None:
    """Return why what was written before a WAIT does not count as safe; None: it does."""
    if written is not True or not isinstance(acknowledged, int):
        return NotReplicatedError(str(acknowledged if written is True else written))
    if acknowledged >= safety.replicas:
        return None
    return NotReplicatedError(
        f"{acknowledged} of {safety.replicas} replicas have it after {safety.wait_ms} ms"
    )
