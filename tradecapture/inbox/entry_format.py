"""The format in which entries are written: readers first.

A release reads every format up to its newest and writes the one that is recorded in Redis, so that
a new release writes what the workers of the release before can read. Only when no older worker runs
any more is the record raised, by an operator.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from tradecapture.inbox.entry import OLDEST_FORMAT, newest_format
from tradecapture.inbox.keys import FORMAT_KEY

# How old what a process knows of the record may be. Until then it writes the format of before,
# which every worker reads too.
LOOK_SECONDS = 1.0


class EntryFormatError(ValueError):
    """The format cannot be recorded; the message says what to do."""


class EntryFormat:
    """The recorded format, as one process knows it."""

    def __init__(self, redis: "Redis", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._monotonic = redis, monotonic
        self._known, self._looked_at = OLDEST_FORMAT, float("-inf")

    def look(self) -> int:
        """Return the format to write, from a look at Redis that is not too old.

        While the record is out of reach, on a cluster with one node, the format of before holds.
        """
        if newest_format() == OLDEST_FORMAT:
            return OLDEST_FORMAT  # there is no choice: no round trip for it
        now = self._monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            with suppress(RedisError):
                self._known = min(self.recorded(), newest_format())
        return self._known

    def recorded(self) -> int:
        """Return what is recorded; where nothing is, the oldest.

        Raises:
            RedisError: Redis is out of reach.
        """
        return int(cast(bytes | None, self._redis.get(FORMAT_KEY)) or OLDEST_FORMAT)

    def record(self, entry_format: int) -> None:
        """Let all processes write a format, within a second.

        Raises:
            EntryFormatError: this release does not know it.
            RedisError: Redis is out of reach.
        """
        if not OLDEST_FORMAT <= entry_format <= newest_format():
            raise EntryFormatError(
                f"this release writes formats {OLDEST_FORMAT} to {newest_format()}, and "
                f"{entry_format} is none of them. Nothing was changed"
            )
        self._redis.set(FORMAT_KEY, entry_format)
