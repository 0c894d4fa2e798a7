"""The Lua scripts of the inbox, and the one way to call them: many calls, one round trip."""

from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoScriptError

NAMES = ("accept", "claim", "take", "settle", "postpone", "renew", "hold", "release", "ring")
_SOURCES = {name: files(__name__).joinpath(f"{name}.lua").read_text() for name in NAMES}
# SHA-1 because that is what EVALSHA names a script by (Redis command reference), not for security.
_NAMED_BY = {
    name: sha1(source.encode(), usedforsecurity=False).hexdigest()
    for name, source in _SOURCES.items()
}

Argument = str | bytes | int | float


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


def run_all(redis: "Redis", calls: Sequence[Call]) -> list[Any]:
    """Run calls in one round trip. A call that failed has its exception as its reply.

    Calls that the server did not know the script of are run again, after the others: put no two
    calls in one round trip whose order matters.
    """
    replies = _pipelined(redis, calls)
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        load(redis)
        again = _pipelined(redis, [calls[index] for index in unknown])
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


def _pipelined(redis: "Redis", calls: Sequence[Call]) -> list[Any]:
    pipeline = redis.pipeline(transaction=False)
    for call in calls:
        pipeline.execute_command(*call.command)
    return pipeline.execute(raise_on_error=False)
