"""Sends commands to the nodes of a Redis Cluster, with one round trip for each node.

If a node fails, only its own commands fail. A command that went to the wrong node, or to a node
that did not answer, is sent again. So every script may run twice.
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

UNREACHABLE_ERRORS = (ConnectionError, TimeoutError)
# The next attempt may succeed after each of these. A MovedError is an AskError.
_RETRYABLE_ERRORS = (*UNREACHABLE_ERRORS, ClusterDownError, AskError)
# A key that never exists. While a slot migrates, a node answers TRYAGAIN if one of a script's
# declared keys is missing. Our scripts also touch keys they do not declare, which may still be on
# the other node. Adding a missing key makes the script run only on a node that holds the whole
# lane.
_MISSING_KEY = ":nowhere"


class Command(NamedTuple):
    """A command and the options of its reply, as redis-py's pipelines keep them."""

    args: tuple[Any, ...]
    options: dict[str, Any]

    @property
    def key(self) -> str | bytes:
        """The key that decides which node gets the command."""
        key: str | bytes = self.args[3 if self.args[0] == "EVALSHA" else 1]
        return key

    @property
    def sent_args(self) -> tuple[Any, ...]:
        """The arguments to send: those of a script with one more key, see `_MISSING_KEY`."""
        if self.args[0] != "EVALSHA":
            return self.args
        name, script, count, *rest = self.args
        return (name, script, count + 1, *rest[:count], f"{rest[0]}{_MISSING_KEY}", *rest[count:])


class _Target(NamedTuple):
    """The node to which a command goes."""

    node: ClusterNode
    asking: bool = False  # the node is about to get the slot, and answers only after ASKING


class ClusterDispatcher:
    """Sends commands to the nodes. All threads of a process share it."""

    def __init__(self, slots: SlotMap, timeout_seconds: float) -> None:
        """Prepare to send.

        Args:
            slots: where the keys are.
            timeout_seconds: how long one exchange with a node may take.
        """
        self._slots = slots
        self._breaker = NodeBreaker(timeout_seconds)

    def send(self, commands: Sequence[Command], *, transaction: bool = False) -> list[Any]:
        """Send commands and return their replies; the reply of one that failed is its error."""
        leaders = _leaders(commands)
        replies: list[Any] = [None] * len(commands)
        redirects: dict[int, _Target] = {}  # by the index of a leader
        pending = list(range(len(commands)))
        for attempt in range(RETRIES + 1):
            groups: dict[_Target, list[int]] = defaultdict(list)
            for index in pending:
                leader = leaders[index]
                try:
                    target = redirects.get(leader) or _Target(
                        self._slots.node_of(commands[leader].key)
                    )
                    groups[target].append(index)
                except RedisError as error:
                    replies[index] = error
            for target, indexes in groups.items():
                # One WAIT after all writes covers them all, and waits only once.
                waits = [index for index in indexes if leaders[index] != index]
                *skipped, last_wait = waits or [-1]
                sent = [index for index in indexes if index not in skipped]
                answers = self._exchange(
                    target,
                    [commands[index] for index in sent],
                    transaction=transaction,
                    is_last_attempt=attempt == RETRIES,
                )
                for index, answer in zip(sent, answers, strict=True):
                    replies[index] = answer
                for index in skipped:
                    replies[index] = replies[last_wait]
            pending = [index for index in pending if _is_retryable(replies[leaders[index]])]
            if not pending or attempt == RETRIES:
                break
            redirects = self._prepare_retry({index: replies[index] for index in pending}, attempt)
        return replies

    def first_reply(self, command: Command, *, all_nodes: bool = False) -> Any:
        """Send a command without a key to one node after the other; return the first reply.

        Args:
            command: what to send.
            all_nodes: whether to send it to the other nodes too after a reply.

        Raises:
            RedisError: no node answers.
        """
        results: list[Any] = []
        for node in self._slots.primaries():
            results += self._exchange(
                _Target(node), [command], transaction=False, is_last_attempt=True
            )
            if not all_nodes and not isinstance(results[-1], Exception):
                break
        replies = [result for result in results if not isinstance(result, Exception)]
        if not replies:
            raise (
                results[-1]
                if results
                else ConnectionError("no node of the Redis Cluster has a slot")
            )
        return replies[0]

    def _exchange(
        self,
        target: _Target,
        commands: Sequence[Command],
        *,
        transaction: bool,
        is_last_attempt: bool,
    ) -> list[Any]:
        """Send commands to one node in one round trip; return the reply or the error of each."""
        name, is_probe = target.node.name, False
        try:
            is_probe = self._breaker.check(name)
            pipeline = self._slots.connection(target.node).pipeline(transaction=transaction)
            for command in commands:
                if target.asking:
                    pipeline.execute_command("ASKING")
                pipeline.execute_command(*command.sent_args, **command.options)
            replies = pipeline.execute(raise_on_error=False)
        except NodeUnavailableError as error:
            return [error] * len(commands)
        except UNREACHABLE_ERRORS as error:
            self._slots.refresh(name)
            # After a timeout the caller has waited long enough: the breaker stops its retries too.
            if is_last_attempt or is_probe or isinstance(error, TimeoutError):
                self._breaker.record_failure(name, error)
            # redis-py's TimeoutError does not name the node.
            return [NodeError(name, error)] * len(commands)
        except RedisError as error:  # the whole transaction failed
            return [error] * len(commands)
        self._breaker.record_success(name)
        return list(islice(replies, 1, None, 2)) if target.asking else replies

    def _prepare_retry(self, errors: dict[int, Any], attempt: int) -> dict[int, _Target]:
        """Update the slot map after errors, and wait if a node was unreachable.

        Args:
            errors: the errors of the commands to retry, by their indexes.
            attempt: the number of the attempt that failed, from 0.

        Returns:
            The targets of those commands that the next attempt must send elsewhere.
        """
        redirects: dict[int, _Target] = {}
        for index, error in errors.items():
            if isinstance(error, MovedError):
                self._slots.move_slot(error)
            elif isinstance(error, AskError):
                redirects[index] = _Target(self._slots.node_at(error.host, error.port), asking=True)
        is_down = any(isinstance(error, ClusterDownError) for error in errors.values())
        if is_down or any(isinstance(error, UNREACHABLE_ERRORS) for error in errors.values()):
            sleep(backoff().compute(attempt + 1))
        if is_down:
            self._slots.refresh()
        return redirects


def _leaders(commands: Sequence[Command]) -> list[int]:
    """Return for each command the index of the command whose node it goes to.

    A WAIT goes to the node of the write before it; every other command has its own key.
    """
    leaders: list[int] = []
    for index, command in enumerate(commands):
        leaders.append(leaders[-1] if command.args[0] == "WAIT" else index)
    return leaders


def _is_retryable(reply: Any) -> bool:
    return isinstance(reply, _RETRYABLE_ERRORS) and not isinstance(reply, NodeUnavailableError)
