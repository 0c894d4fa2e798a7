"""An inbox entry: how an accepted trade is written in its partition's list.

The text is `<version> <position> <epoch> <accepted ms> ` followed by a MessagePack array. The first
part is stamped by the accept script, the second made by the submitter; the version comes first so
that a worker of another release can tell.
"""

from typing import NamedTuple

import msgspec

from tradecapture.submission import Submission

VERSION = b"1"


class UnreadableEntryError(ValueError):
    """An entry is not of a version or shape that this release can read."""


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


def encode_body(submission: Submission) -> bytes:
    """Return the part of an entry that the submitter makes."""
    return _encoder.encode(
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


def decode_entry(partition: str, raw: bytes) -> Entry:
    """Read an entry of a partition.

    Raises:
        UnreadableEntryError: another version, or not an entry; the message shows how it begins.
    """
    try:
        version, position, epoch, accepted_ms, text = raw.split(b" ", 4)
        if version != VERSION:
            raise UnreadableEntryError(
                f"entry of version {version!r}: this release reads {VERSION!r}; "
                "run workers of the release that accepted it"
            )
        body = _decoder.decode(text)
    except (ValueError, msgspec.MsgspecError) as error:
        raise UnreadableEntryError(f"{error} (entry begins {raw[:60]!r})") from error
    return Entry(
        int(position),
        int(epoch),
        int(accepted_ms),
        Submission(
            partition,
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
    readable = version == VERSION and len(stamp) == 4 and stamp[2].isdigit()
    return int(stamp[2]) if readable else None
