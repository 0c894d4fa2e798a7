"""The cursor of a search: the key where a page ends, as an opaque text."""

import base64
import binascii
import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tradecapture.ledger.queries.trade_filter import PageKey, Section, TradeFilter

# Characters. A key has texts of up to 302 and 100 characters, each up to 4 bytes long.
MAX_CURSOR_LENGTH = 2000

# 64 bits, like the columns.
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Cursor(Struct, array_like=True, frozen=True):
    check: str  # a digest of key and filter
    section: Section
    key: Annotated[tuple[_Number | str, ...], Meta(min_length=1)]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Cursor).decode


def encode_cursor(page_key: PageKey, trade_filter: TradeFilter) -> str:
    """Return the cursor of a page key. It is valid with the same filter only."""
    cursor = _Cursor(_check(page_key.key, trade_filter), page_key.section, page_key.key)
    return base64.urlsafe_b64encode(_encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, trade_filter: TradeFilter) -> PageKey:
    """Return the page key of a cursor.

    Raises:
        ValueError: the text is not a cursor, or the cursor of another filter.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        cursor = _decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise ValueError("is not a cursor: give the `nextCursor` of the page before") from None
    if cursor.check != _check(cursor.key, trade_filter):
        raise ValueError("is the cursor of a search with other filters: give the same filters")
    return PageKey(cursor.section, cursor.key)


def _check(key: tuple[int | str, ...], trade_filter: TradeFilter) -> str:
    # Detects mistakes, not attacks: a forged cursor only shows another page.
    return hashlib.sha256(_encode([key, trade_filter])).hexdigest()[:12]
