"""An inbox entry: how an accepted trade is written in its partition's list.

The text is `<version> <position> <epoch> <accepted ms> ` followed by a MessagePack array. The first
part is stamped by the accept script, the second made by the submitter; the version comes first so
that a worker of another release can tell.

The version is the *format* of the second part; the first part is the same in all of them. Fields
added at the end of the array are no new format: this release reads past them.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, cast

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from tradecapture.inbox.keys import FORMAT_KEY
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission

OLDEST_FORMAT = 1  # what every release since 0.1.0 reads
MAX_VERSION = 4  # digits; a longer one is no format of any release to come


class UnreadableEntryError(ValueError):
    """An entry is not of a version or shape that this release can read."""


class NewerEntryError(UnreadableEntryError):
    """An entry is of a format that only newer releases read; nothing is wrong with it."""


class Entry(NamedTuple):
    """One accepted trade, as it waits: where it stands and what was submitted."""

    position: int
    epoch: int  # Redis time in microseconds at which the lane's positions began
    accepted_ms: int  # Redis time
    submission: Submission


class _Body(msgspec.Struct, array_like=True, frozen=True):
    trade_id: str
    digest: str
    document: bytes
    correlation_id: str = ""
    callback_url: str = ""
    sequence_number: int | None = None
    replay_of: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)

# Format -> how it is read. A release that brings a new one reads the older ones as long as any
# entry of them may wait, and writes what `tc:format` says.
READERS: dict[int, Callable[[bytes], _Body]] = {1: _decoder.decode}
WRITERS: dict[int, Callable[[Any], bytes]] = {1: _encoder.encode}


def newest_format() -> int:
    """Return the newest format that this release reads and writes."""
    return max(WRITERS)


def encode_body(submission: Submission, entry_format: int = OLDEST_FORMAT) -> bytes:
    """Return the part of an entry that the submitter makes, in a format."""
    return WRITERS[entry_format](
        _Body(
            submission.trade_id,
            submission.digest,
            submission.document,
            submission.correlation_id,
            submission.callback_url,
            submission.sequence_number,
            submission.replay_of,
        )
    )


def decode_entry(partition_key: PartitionKey, raw: bytes) -> Entry:
    """Read an entry of a partition.

    Raises:
        NewerEntryError: a format of newer releases.
        UnreadableEntryError: another version, or not an entry; the message shows how it begins.
    """
    try:
        version, position, epoch, accepted_ms, text = raw.split(b" ", 4)
        reader = READERS.get(_format_of(version))
        if reader is None:
            kind = NewerEntryError if is_newer(raw) else UnreadableEntryError
            raise kind(
                f"entry of version {version!r}: this release reads {sorted(READERS)}; "
                f"run workers of the release that accepted it (entry begins {raw[:60]!r})"
            )
        body = reader(text)
    except NewerEntryError:
        raise
    except (ValueError, msgspec.MsgspecError) as error:
        raise UnreadableEntryError(f"{error} (entry begins {raw[:60]!r})") from error
    return Entry(
        int(position),
        int(epoch),
        int(accepted_ms),
        Submission(
            partition_key,
            body.trade_id,
            body.digest,
            body.document,
            body.correlation_id,
            body.callback_url,
            body.sequence_number,
            body.replay_of,
        ),
    )


def accepted_ms_of(raw: bytes) -> int | None:
    """Return when an entry was accepted (Redis time, ms); None: this release cannot read it."""
    version, *stamp = raw.split(b" ", 4)
    readable = _format_of(version) in READERS and len(stamp) == 4 and stamp[2].isdigit()
    return int(stamp[2]) if readable else None


def is_newer(raw: bytes) -> bool:
    """Return whether an entry is of a format that only newer releases read."""
    version, *stamp = raw.split(b" ", 4)
    stamped = len(stamp) == 4 and all(part.isdigit() for part in stamp[:3])
    return stamped and _format_of(version) > max(READERS)


def _format_of(version: bytes) -> int:
    """Return the format that an entry names; 0, which is none, for anything else."""
    return int(version) if version.isdigit() and len(version) <= MAX_VERSION else 0


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
