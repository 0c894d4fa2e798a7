"""The cursor of a search: where a page ends, as a text that nobody need read."""

import base64
import binascii
import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tradecapture.ledger.queries.trade_filter import PageKey, Section, TradeFilter

CURSOR_LENGTH = 2000  # characters; a key's texts have 302 and 100, each up to 4 bytes long

# 64 bits, as the columns have.
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Cursor(Struct, array_like=True, frozen=True):
    check: str  # that it is of the same filters
    section: Section
    key: Annotated[tuple[_Number | str, ...], Meta(min_length=1)]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Cursor).decode


def encode_cursor(mark: PageKey, wanted: TradeFilter) -> str:
    """Return the cursor of a mark, good for the same filters only."""
    cursor = _Cursor(_check(mark.key, wanted), mark.section, mark.key)
    return base64.urlsafe_b64encode(_encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, wanted: TradeFilter) -> PageKey:
    """Return the mark of a cursor.

    Raises:
        ValueError: it is none, or one of a search with other filters.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        cursor = _decode(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise ValueError("is not a cursor: give the `nextCursor` of the page before") from None
    if cursor.check != _check(cursor.key, wanted):
        raise ValueError("is of a search with other filters: give the same as for its page")
    return PageKey(cursor.section, cursor.key)


def _check(key: tuple[int | str, ...], wanted: TradeFilter) -> str:
    # No secret: it tells a mistake, not a lie. A made-up mark shows no more than another page.
    return hashlib.sha256(_encode([key, wanted])).hexdigest()[:12]
