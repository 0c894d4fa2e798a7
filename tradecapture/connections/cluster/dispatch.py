"""Sending to a Redis Cluster: each command to the node that has its key, each node's in one trip.

A node's failure is the failure of the commands that it has, and the others are answered. What was
sent to the wrong node, or to one that did not answer, is sent again: every script may run twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from time import sleep
from typing import Any, NamedTuple

from redis.cluster import ClusterNode
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    RedisError,
    TimeoutError,
)

from tradecapture.connections.cluster.breaker import NodeBreaker, NodeError, NodeUnavailableError
from tradecapture.connections.cluster.slots import SlotMap
from tradecapture.connections.retries import RETRIES, backoff

UNREACHABLE = (ConnectionError, TimeoutError)
# Each may be done by the next attempt; a MovedError is an AskError too.
_TRIED_AGAIN = (*UNREACHABLE, ClusterDownError, AskError)
# No key is ever called so. While a slot moves, a node refuses a script one of whose keys it does
# not have (TRYAGAIN). A script's other keys, which it is not told of, may be on either node: so
# each is given a key that no node has, and runs only where the whole lane is.
_MISSING_KEY = ":nowhere"


class Command(NamedTuple):
    """A command and the options of its reply, as redis-py's pipelines keep them."""

    args: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def key(self) -> str | bytes:
        """The key whose node it is for."""
        key: str | bytes = self.args[3 if self.args[0] == "EVALSHA" else 1]
        return key

    @property
    def guarded(self) -> tuple[Any, ...]:
        """What is sent: a script is given one key more, so that it never runs in half a lane."""
        if self.args[0] != "EVALSHA":
            return self.args
        name, script, count, *rest = self.args
        return (name, script, count + 1, *rest[:count], f"{rest[0]}{_MISSING_KEY}", *rest[count:])


class _Target(NamedTuple):
    """Where a command is sent: to a node, which for once may answer for a slot not yet its own."""

    node: ClusterNode
    asking: bool = False


class ClusterDispatcher:
    """Sends commands to the nodes; shared by all threads of a process."""

    def __init__(self, cluster_map: SlotMap, timeout_seconds: float) -> None:
        """Prepare to send; see `SlotMap`."""
        self._map = cluster_map
        self._away = NodeBreaker(timeout_seconds)

    def send(self, commands: Sequence[Command], *, transaction: bool = False) -> list[Any]:
        """Send commands and return their replies; the reply of one that failed is its error."""
        leaders = _leaders(commands)
        replies: list[Any] = [None] * len(commands)
        asked: dict[int, _Target] = {}
        pending = list(range(len(commands)))
        for attempt in range(RETRIES + 1):
            groups: dict[_Target, list[int]] = defaultdict(list)
            for index in pending:
                leader = leaders[index]
                try:
                    place = asked.get(leader) or _Target(self._map.node_of(commands[leader].key))
                    groups[place].append(index)
                except RedisError as error:
                    replies[index] = error
            for place, indexes in groups.items():
                # One WAIT behind all writes says as much as one behind each, and waits once.
                *early, late = [index for index in indexes if leaders[index] != index] or [-1]
                sent = [index for index in indexes if index not in early]
                answers = self._exchange(
                    place,
                    [commands[index] for index in sent],
                    transaction=transaction,
                    last=attempt == RETRIES,
                )
                for index, answer in zip(sent, answers, strict=True):
                    replies[index] = answer
                for index in early:
                    replies[index] = replies[late]
            pending = [index for index in pending if _is_tried_again(replies[leaders[index]])]
            if not pending or attempt == RETRIES:
                break
            asked = self._learn({index: replies[index] for index in pending}, attempt)
        return replies

    def first_answer(self, command: Command, *, all_nodes: bool = False) -> Any:
        """Send a command that names no key to one node after the other; return the first answer.

        Args:
            command: what to send.
            all_nodes: go on to the others after an answer.

        Raises:
            RedisError: no node answers.
        """
        found: list[Any] = []
        for node in self._map.primaries():
            found += self._exchange(_Target(node), [command], transaction=False, last=True)
            if not all_nodes and not isinstance(found[-1], Exception):
                break
        answers = [reply for reply in found if not isinstance(reply, Exception)]
        if not answers:
            raise found[-1] if found else ConnectionError("no node of the Redis Cluster has a slot")
        return answers[0]

    def _exchange(
        self, place: _Target, commands: Sequence[Command], *, transaction: bool, last: bool
    ) -> list[Any]:
        """Send commands to one node in one round trip; return replies, and errors among them."""
        name, is_look = place.node.name, False
        try:
            is_look = self._away.check(name)
            pipeline = self._map.connection(place.node).pipeline(transaction=transaction)
            for command in commands:
                if place.asking:
                    pipeline.execute_command("ASKING")
                pipeline.execute_command(*command.guarded, **command.options)
            replies = pipeline.execute(raise_on_error=False)
        except NodeUnavailableError as error:
            return [error] * len(commands)
        except UNREACHABLE as error:
            self._map.refresh(name)
            # Who waited out a timeout has waited long enough.
            if last or is_look or isinstance(error, TimeoutError):
                self._away.note(name, error)
            # A timeout's own words do not say whose it was.
            return [NodeError(name, error)] * len(commands)
        except RedisError as error:  # of a transaction
            return [error] * len(commands)
        self._away.clear(name)
        return list(islice(replies, 1, None, 2)) if place.asking else replies

    def _learn(self, replies: dict[int, Any], attempt: int) -> dict[int, _Target]:
        """Learn from errors where commands must go; return where those go that go astray once."""
        asked: dict[int, _Target] = {}
        for index, reply in replies.items():
            if isinstance(reply, MovedError):
                self._map.note_moved(reply)
            elif isinstance(reply, AskError):
                asked[index] = _Target(self._map.at(reply.host, reply.port), asking=True)
        if any(isinstance(reply, (*UNREACHABLE, ClusterDownError)) for reply in replies.values()):
            sleep(backoff().compute(attempt + 1))
        if any(isinstance(reply, ClusterDownError) for reply in replies.values()):
            self._map.refresh()
        return asked


def _leaders(commands: Sequence[Command]) -> list[int]:
    """Return of each command which one it goes with: WAIT with the write that it stands behind."""
    leaders: list[int] = []
    for index, command in enumerate(commands):
        leaders.append(leaders[-1] if command.args[0] == "WAIT" else index)
    return leaders


def _is_tried_again(reply: Any) -> bool:
    return isinstance(reply, _TRIED_AGAIN) and not isinstance(reply, NodeUnavailableError)
