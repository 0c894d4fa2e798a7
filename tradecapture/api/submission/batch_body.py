"""The body of a batch: a JSON array or NDJSON, split into its trades without changing a byte."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Raw

from tradecapture.api.http.media_types import NDJSON
from tradecapture.api.http.problem import ProblemError

BATCH_TRADES = 10_000  # a batch, at most; from the HTTP contract
# 10,000 trades of 6 KiB, six times the usual size; bounds the memory that one request takes.
BATCH_BYTES = 64 * 2**20

# One field more than a batch may have. What follows is checked and skipped by the decoder without
# an object each: 64 MiB of "1," cost nothing, where a list would take gigabytes.
_array_type = msgspec.defstruct(
    "Batch",
    [(f"trade_{place}", Raw, Raw(b"")) for place in range(BATCH_TRADES + 1)],
    array_like=True,
)
_array_decoder = msgspec.json.Decoder(_array_type)


class BatchDocument(NamedTuple):
    """The JSON of one trade, and where in the batch it stood."""

    place: int  # from 0
    line: int | None  # of NDJSON, from 1
    body: bytes


def split_batch(body: bytes, media_type: str) -> list[BatchDocument]:
    """Return the trades of a batch, each as it stands there.

    A broken line of NDJSON is a trade like the others, and found invalid later. A broken array
    cannot be told apart into trades, and is refused as a whole.

    Raises:
        ProblemError: no trade, too many trades, or no array; nothing of the batch is to be kept.
    """
    documents = _lines(body) if media_type == NDJSON else _elements(body)
    batch = [document for document, _ in zip(documents, range(BATCH_TRADES + 1), strict=False)]
    if len(batch) > BATCH_TRADES:
        raise ProblemError(
            400,
            "BATCH_TOO_LARGE",
            f"the batch holds more than {BATCH_TRADES} trades; none was accepted, send it in parts",
        )
    if not batch:
        raise ProblemError(400, "EMPTY_BATCH", "the batch holds no trade; send one at least")
    return batch


def _lines(body: bytes) -> Iterator[BatchDocument]:
    place, line, start = 0, 0, 0
    while start < len(body):
        line += 1
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if text := body[start:end].strip():
            yield BatchDocument(place, line, text)
            place += 1
        start = end + 1


def _elements(body: bytes) -> Iterator[BatchDocument]:
    try:
        array = _array_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400,
            "INVALID_BATCH",
            f"the batch is not a JSON array: {error}; no trade was accepted. "
            f"To have broken trades refused one by one, send NDJSON as {NDJSON}",
        ) from error
    for place, raw in enumerate(msgspec.structs.astuple(array)):
        if not (document := bytes(raw)):
            return
        yield BatchDocument(place, None, document)
