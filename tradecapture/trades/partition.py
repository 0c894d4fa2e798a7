"""The partition key `{accountId}_{bookId}_{securityId}`, and the lane that it belongs to."""

from typing import NewType
from zlib import crc32

from tradecapture.trades.trade import utf16_length

PartitionKey = NewType("PartitionKey", str)

# An id may contain the separator. So ids are escaped as in RFC 6901 (JSON Pointer): "~" becomes
# "~0" and "_" becomes "~1". Ids without these characters give exactly account_book_security.
SEPARATOR = "_"

# UTF-16 units: three ids of 50, each character escaped to two, and two separators.
PARTITION_KEY_LENGTH = 3 * 50 * 2 + 2


def make_partition_key(account_id: str, book_id: str, security_id: str) -> PartitionKey:
    """Return the partition key of three ids; different ids never give the same key."""
    key = f"{account_id}_{book_id}_{security_id}"
    if "~" not in key and key.count(SEPARATOR) == 2:
        return PartitionKey(key)
    return PartitionKey(SEPARATOR.join(map(_escape, (account_id, book_id, security_id))))


def partition_key_range(account_id: str, book_id: str | None = None) -> tuple[str, str]:
    """Return the range of the partition keys of an account, or of one of its books.

    Compared by code points, each of these keys is at least the first text and less than the second.
    Each key continues with `_`, which no escaped id contains; the backquote is the character after
    `_`.
    """
    ids = [account_id] if book_id is None else [account_id, book_id]
    prefix = SEPARATOR.join(_escape(part) for part in ids)
    return prefix + SEPARATOR, prefix + chr(ord(SEPARATOR) + 1)


def is_partition_key(text: str) -> bool:
    """Return whether a text can be the key of a partition with an accepted trade."""
    return (
        utf16_length(text) <= PARTITION_KEY_LENGTH
        and text.isprintable()
        and len(parts := text.split(SEPARATOR)) == 3
        and all(parts)
    )


def split_partition_key(partition_key: str) -> tuple[str, str, str]:
    """Return the account, book and security id of a partition key.

    Raises:
        ValueError: the text is not a partition key; the message says what one looks like.
    """
    parts = partition_key.split(SEPARATOR)
    if len(parts) != 3 or not all(parts):
        raise ValueError(
            f"{partition_key!r} is not a partition key: give account_book_security, "
            "with ~1 for an underscore and ~0 for a tilde inside an id"
        )
    account_id, book_id, security_id = (_unescape(part) for part in parts)
    return account_id, book_id, security_id


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace(SEPARATOR, "~1")


def _unescape(part: str) -> str:
    return part.replace("~1", SEPARATOR).replace("~0", "~")


def lane_of(text: str, lanes: int) -> int:
    """Return the lane, 0 to lanes-1, of a partition key or a trade id.

    The lane is the CRC-32 (IEEE 802.3) of the text, modulo the number of lanes. Unlike `hash`,
    CRC-32 is the same in every process and version. It takes 0.2 µs. Lanes only spread load, so a
    cryptographic hash is not needed.
    """
    return crc32(text.encode()) % lanes
