"""Builders: trades, submissions, entries and claims, valid unless a test asks for otherwise."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from tradecapture.inbox import Claim, ClaimedPartition, Entry
from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.trades.document import Document, encode
from tradecapture.trades.partition import PartitionKey, make_partition_key
from tradecapture.trades.submission import Submission, read_submission

# In the past of whoever runs the tests, so that the client takes these trades too.
TODAY = date(2025, 1, 15)
NOW = datetime(2025, 1, 15, 9, 30, 0, 123456, tzinfo=UTC)
NOW_MS = 1_736_933_400_123
EPOCH = 1_736_000_000_000_000  # Redis time (us) at which the lane's positions began

ACCOUNT, BOOK, ISIN = "ACC1", "BOOK1", "US0378331005"
PARTITION = make_partition_key(ACCOUNT, BOOK, ISIN)
LEFT_OUT = object()  # as a change: the field is not there


def lot(value: Any = 1000, price: Any = "189.5", **changes: Any) -> Document:
    """Return a lot of some shares at a price in dollars."""
    pair = {
        "quantity": [{"value": value, "unit": {"financialUnit": "Shares"}}],
        "price": [{"value": price, "unit": {"currency": "USD"}}],
    }
    identifier = {"identifier": "LOT-1", "identifierType": "INTERNAL"}
    return {"lotIdentifier": [identifier], "priceQuantity": [pair], **changes}


def trade(**changes: Any) -> Document:
    """Return a valid trade with some fields (by their names on the wire) changed or left out."""
    fields = {
        "tradeId": "T-1",
        "accountId": ACCOUNT,
        "bookId": BOOK,
        "securityId": ISIN,
        "source": "AUTOMATED",
        "tradeDate": TODAY.isoformat(),
        "counterpartyIds": ["CP1"],
        "tradeLots": [lot()],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not LEFT_OUT}


def trade_json(**changes: Any) -> bytes:
    """Return the JSON of a trade; see `trade`."""
    return encode(trade(**changes))


def submission(trade_id: str = "T-1", book: str = BOOK, **changes: Any) -> Submission:
    """Return the submission of a valid trade; see `trade`."""
    read = read_submission(trade_json(**{"tradeId": trade_id, "bookId": book, **changes}), TODAY)
    assert isinstance(read, Submission), read
    return read


def submissions(number: int, book: str = BOOK, first: int = 1) -> list[Submission]:
    """Return some submissions of one book, each trade with an id of its own."""
    return [submission(f"{book}-{index}", book) for index in range(first, first + number)]


def valid_submissions(trades: int, partitions: int, seed: int, today: date) -> list[Submission]:
    """Return sample trades that are valid, each once, spread evenly over partitions."""
    spec = SampleSpec(trades, seed, partitions, skew=0, resends=0, invalid=0, today=today)
    results = (read_submission(body, today) for body in generate(spec))
    return [result for result in results if isinstance(result, Submission)]


def numbered(number: int, trade_id: str = "", book: str = BOOK) -> Submission:
    """Return the submission of a trade that has one of upstream's numbers."""
    return submission(trade_id or f"N-{number}", book, sequenceNumber=number)


def broken(trade_id: str, book: str = BOOK) -> Submission:
    """Return a submission whose document cannot be captured: something that validation let by."""
    return Submission(partition_of(book), trade_id, "0" * 32, b'{"tradeId": ')


def partition_of(book: str) -> PartitionKey:
    """Return the partition that the submissions of a book belong to."""
    return make_partition_key(ACCOUNT, book, ISIN)


def entry(submitted: Submission, position: int = 1, epoch: int = EPOCH) -> Entry:
    """Return a submission as it waits at a position of its partition."""
    return Entry(position, epoch, NOW_MS, submitted)


def entries(submitted: Iterable[Submission], first: int = 1, epoch: int = EPOCH) -> list[Entry]:
    """Return submissions as they wait one after the other."""
    return [entry(item, first + index, epoch) for index, item in enumerate(submitted)]


def claim(*claimed: Entry, fence: int = 1) -> Claim:
    """Return a claim of some entries; those of a partition must stand together."""
    groups = groupby(claimed, key=lambda each: each.submission.partition_key)
    partitions = tuple(ClaimedPartition(key, tuple(group)) for key, group in groups)
    return Claim(0, f"owner:{fence}", fence, NOW_MS * 1000, partitions)
