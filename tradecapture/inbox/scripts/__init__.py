"""The Lua scripts of the inbox, and how they are called: many calls in one round trip."""

import re
from collections.abc import Mapping, Sequence
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


def read_source(name: str) -> str:
    """Return the text of one Lua file, without its extension: a script, or `common`."""
    return files(__name__).joinpath(f"{name}.lua").read_text()


def common_parts() -> dict[str, str]:
    """Return the parts of `common.lua` by name."""
    _introduction, *parts = re.split(r"^(?=-- part \w+:)", read_source("common"), flags=re.M)
    return {part.removeprefix("-- part ").partition(":")[0]: part for part in parts}


def parts_used(source: str) -> list[str]:
    """Return the parts that a script names on its line `-- uses`."""
    uses = re.search(r"^-- uses: (.+)$", source, flags=re.M)
    return uses[1].split(", ") if uses else []


def _with_parts(source: str, parts: Mapping[str, str]) -> str:
    return "".join([*(parts[name] for name in parts_used(source)), source])


def sha1_of(source: str) -> str:
    """Return what EVALSHA names a script by (Redis command reference); not for security."""
    return sha1(source.encode(), usedforsecurity=False).hexdigest()


_PARTS = common_parts()
_SOURCES = {name: _with_parts(read_source(name), _PARTS) for name in NAMES}
_SHA1 = {name: sha1_of(source) for name, source in _SOURCES.items()}

Argument = str | bytes | int | float


class Safety(NamedTuple):
    """How many replicas must have the writes of a call, and how long to wait for them."""

    replicas: int  # 0: do not wait
    wait_ms: int


NO_REPLICAS = Safety(0, 0)


class NotReplicatedError(RedisError):
    """Too few replicas confirmed the writes of a call in time; the master may have them."""


class Call(NamedTuple):
    """One call of a script: its name, its keys and its arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[Argument]

    @property
    def command(self) -> tuple[Argument, ...]:
        """The EVALSHA command of this call."""
        return ("EVALSHA", _SHA1[self.script], len(self.keys), *self.keys, *self.arguments)


def run(redis: "Redis", call: Call) -> Any:
    """Run one call and return its reply. Loads the scripts first if Redis does not know them.

    Raises:
        RedisError: Redis is out of reach, or refuses the call.
    """
    try:
        return redis.execute_command(*call.command)
    except NoScriptError:
        load(redis)
        return redis.execute_command(*call.command)


def run_all(redis: "Redis", calls: Sequence[Call], safety: Safety = NO_REPLICAS) -> list[Any]:
    """Run calls in one round trip and return their replies; a failed call has its exception there.

    A call also fails if too few replicas have its writes, or those of an earlier run of it.

    A second round trip repeats the calls whose script Redis did not know. So the order of calls in
    one round trip is not certain.

    Args:
        redis: with the inboxes.
        calls: the calls.
        safety: how many replicas must have what the calls wrote.

    Raises:
        RedisError: Redis is out of reach.
    """
    replies = _pipeline(redis, calls, safety)
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        load(redis)
        again = _pipeline(redis, [calls[index] for index in unknown], safety)
        for index, reply in zip(unknown, again, strict=True):
            replies[index] = reply
    return replies


def load(redis: "Redis") -> None:
    """Load the scripts into the server."""
    for source in _SOURCES.values():
        redis.script_load(source)


def _pipeline(redis: "Redis", calls: Sequence[Call], safety: Safety) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for call in calls:
        pipeline.execute_command(*call.command)
    if not safety.replicas:
        return pipeline.execute(raise_on_error=False)
    # WAIT covers only the writes of its own connection. A call may write nothing and yet vouch for
    # a trade that another connection wrote. So each call is followed by a write of its own: when
    # replicas have that write, they have everything before it.
    markers = [_acknowledged_key(redis, call) for call in calls]
    unique_markers = list(dict.fromkeys(markers))
    for key in unique_markers:
        pipeline.set(key, 1)
        pipeline.wait(safety.replicas, safety.wait_ms)
    replies = pipeline.execute(raise_on_error=False)
    acknowledgements = replies[len(calls) :]
    errors = {
        key: _replication_error(written, acknowledged, safety)
        for key, written, acknowledged in zip(
            unique_markers, acknowledgements[::2], acknowledgements[1::2], strict=True
        )
    }
    return [
        reply if isinstance(reply, Exception) else errors[key] or reply
        for key, reply in zip(markers, replies, strict=False)
    ]


def _acknowledged_key(redis: "Redis", call: Call) -> str:
    """Return the key that is written after a call: on a cluster, a key on the node of its lane."""
    if isinstance(redis, ClusterRedis):
        return f"{call.keys[0]}:acknowledged"
    return ACKNOWLEDGED_KEY


def _replication_error(
    written: Any, acknowledged: Any, safety: Safety
) -> NotReplicatedError | None:
    """Return why the writes before a WAIT do not count as safe; None: they do.

    Args:
        written: the reply of the SET before the WAIT.
        acknowledged: the reply of the WAIT: how many replicas have that SET.
        safety: how many must have it.
    """
    if written is not True or not isinstance(acknowledged, int):
        return NotReplicatedError(str(acknowledged if written is True else written))
    if acknowledged >= safety.replicas:
        return None
    return NotReplicatedError(
        f"{acknowledged} of {safety.replicas} replicas have it after {safety.wait_ms} ms"
    )
