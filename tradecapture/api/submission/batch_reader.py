"""Reads the body of a batch, a JSON array or NDJSON, into its trades. No byte is changed."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from tradecapture.api.http.media_types import NDJSON
from tradecapture.api.http.problem import ProblemError

MAX_BATCH_TRADES = 10_000  # from the HTTP contract
# 10,000 trades of 6 KiB, six times the usual size; bounds the memory that one request takes.
MAX_BATCH_BYTES = 64 * 2**20

# One field more than a batch may have. The decoder checks and skips further elements without
# making an object of each: 64 MiB of "1," cost nothing, while a list would take gigabytes.
_array_type = msgspec.defstruct(
    "Batch",
    [(f"trade_{index}", Raw, Raw(b"")) for index in range(MAX_BATCH_TRADES + 1)],
    array_like=True,
)
_array_decoder = msgspec.json.Decoder(_array_type)


class BatchDocument(Struct, frozen=True):
    """The JSON of one trade, and its place in the batch."""

    index: int  # from 0
    line: int | None  # of NDJSON, from 1
    body: bytes


def split_batch(body: bytes, media_type: str) -> list[BatchDocument]:
    """Return the trades of a batch, each as it was sent.

    A broken line of NDJSON is returned like a trade, and is found invalid later. A broken array
    cannot be split, and is refused as a whole.

    Raises:
        ProblemError: the batch has no trades, has too many, or is not an array.
    """
    documents = _lines(body) if media_type == NDJSON else _elements(body)
    batch = [document for document, _ in zip(documents, range(MAX_BATCH_TRADES + 1), strict=False)]
    if len(batch) > MAX_BATCH_TRADES:
        raise ProblemError(
            400,
            "BATCH_TOO_LARGE",
            f"the batch has more than {MAX_BATCH_TRADES} trades, so none was accepted; split it",
        )
    if not batch:
        raise ProblemError(400, "EMPTY_BATCH", "the batch has no trades; send at least one")
    return batch


def _lines(body: bytes) -> Iterator[BatchDocument]:
    index, line, start = 0, 0, 0
    while start < len(body):
        line += 1
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        if text := body[start:end].strip():
            yield BatchDocument(index, line, text)
            index += 1
        start = end + 1


def _elements(body: bytes) -> Iterator[BatchDocument]:
    try:
        array = _array_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400,
            "INVALID_BATCH",
            f"the batch is not a JSON array, so no trade was accepted: {error}. "
            f"If you send NDJSON ({NDJSON}) instead, a broken line refuses only its own trade",
        ) from error
    for index, raw in enumerate(msgspec.structs.astuple(array)):
        if not (document := bytes(raw)):
            return
        yield BatchDocument(index, None, document)
