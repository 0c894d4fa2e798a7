"""An inbox entry: how an accepted trade is written in its partition's list.

An entry is the text `<format> <position> <epoch> <accepted ms> ` followed by a MessagePack array,
the body. The accept script writes the stamp, the submitter writes the body. The stamp is the same
in all formats; the format says how to read the body. Fields added at the end of the body are no new
format: this release ignores them.
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

OLDEST_FORMAT = 1  # every release since 0.1.0 reads it
MAX_FORMAT_DIGITS = 4  # no release will have a format with more digits


class UnreadableEntryError(ValueError):
    """This release cannot read an entry."""


class NewerEntryError(UnreadableEntryError):
    """Only newer releases can read an entry; the entry is not broken."""


class Entry(NamedTuple):
    """One accepted trade that waits: its stamp and what was submitted."""

    position: int
    epoch: int  # Redis time in microseconds at which the lane's epoch began
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

# Format -> how its body is read and written. A release with a new format keeps reading the older
# formats while entries in them may wait, and writes the format that `tc:format` names.
READERS: dict[int, Callable[[bytes], _Body]] = {1: _decoder.decode}
WRITERS: dict[int, Callable[[Any], bytes]] = {1: _encoder.encode}


def newest_format() -> int:
    """Return the newest format that this release reads and writes."""
    return max(WRITERS)


def encode_body(submission: Submission, entry_format: int = OLDEST_FORMAT) -> bytes:
    """Return the body of an entry in a format."""
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

    Args:
        partition_key: the partition.
        raw: the entry as Redis has it.

    Raises:
        NewerEntryError: only newer releases read its format.
        UnreadableEntryError: it is no entry; the message shows how it begins.
    """
    try:
        version, position, epoch, accepted_ms, body_text = raw.split(b" ", 4)
        reader = READERS.get(_format_of(version))
        if reader is None:
            kind = NewerEntryError if is_newer(raw) else UnreadableEntryError
            raise kind(
                f"entry of version {version!r}: this release reads {sorted(READERS)}; "
                f"run workers of the release that accepted it (entry begins {raw[:60]!r})"
            )
        body = reader(body_text)
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
    """Return whether only newer releases read the format of an entry."""
    version, *stamp = raw.split(b" ", 4)
    has_stamp = len(stamp) == 4 and all(part.isdigit() for part in stamp[:3])
    return has_stamp and _format_of(version) > max(READERS)


def _format_of(version: bytes) -> int:
    """Return the format that an entry begins with; 0, which no format has, for anything else."""
    return int(version) if version.isdigit() and len(version) <= MAX_FORMAT_DIGITS else 0


# How long a process relies on the recorded format that it read. Until the next reading it writes
# the former format, which every worker reads too.
FORMAT_REFRESH_SECONDS = 1.0


class EntryFormatError(ValueError):
    """A format cannot be recorded; the message says what to do."""


class EntryFormat:
    """The format in which all processes write new entries: recorded in Redis."""

    def __init__(self, redis: "Redis", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._monotonic = redis, monotonic
        self._current, self._read_at = OLDEST_FORMAT, float("-inf")

    def current(self) -> int:
        """Return the format to write: the recorded one, read a second ago at most.

        While Redis, or the cluster node with the record, is out of reach, the last one read holds.
        """
        if newest_format() == OLDEST_FORMAT:
            return OLDEST_FORMAT  # there is only one: no round trip
        now = self._monotonic()
        if now - self._read_at >= FORMAT_REFRESH_SECONDS:
            self._read_at = now
            with suppress(RedisError):
                self._current = min(self.recorded(), newest_format())
        return self._current

    def recorded(self) -> int:
        """Return the recorded format; the oldest if none is recorded.

        Raises:
            RedisError: Redis is out of reach.
        """
        return int(cast(bytes | None, self._redis.get(FORMAT_KEY)) or OLDEST_FORMAT)

    def record(self, entry_format: int) -> None:
        """Record a format; all processes write it within a second.

        Raises:
            EntryFormatError: this release does not know the format.
            RedisError: Redis is out of reach.
        """
        if not OLDEST_FORMAT <= entry_format <= newest_format():
            raise EntryFormatError(
                f"this release writes formats {OLDEST_FORMAT} to {newest_format()}, and "
                f"{entry_format} is none of them. Nothing was changed"
            )
        self._redis.set(FORMAT_KEY, entry_format)
