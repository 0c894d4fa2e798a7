"""Files of trades: the format is recognised, each row is separate, and bytes stay exact."""

from io import BytesIO

import pytest

from tradecapture.cli.commands.submit.files import Format, TradeFile, read_trades
from tradecapture.cli.errors import CommandError

ONE, TWO = b'{"tradeId":"T-1","x":1.10}', b'{"tradeId":"T-2","x":0.1e3}'
HEADER = b"tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity\n"


def read(content: bytes, name: str = "standard input", forced: Format | None = None) -> TradeFile:
    """Read a file of this content."""
    return read_trades(name, BytesIO(content), forced)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.ndjson", ONE, Format.NDJSON),
        ("a.JSONL", ONE, Format.NDJSON),
        ("a.json", ONE, Format.JSON),
        ("a.csv", HEADER, Format.CSV),
        ("standard input", ONE + b"\n" + TWO, Format.NDJSON),
        ("standard input", b'{\n"tradeId":"T-1"}', Format.JSON),
        ("standard input", b"\xef\xbb\xbf [" + ONE + b"]", Format.JSON),
        ("standard input", b"\xef\xbb\xbf" + HEADER, Format.CSV),
        ("standard input", b"", Format.NDJSON),
    ],
)
def test_format_is_found(name: str, content: bytes, found: Format) -> None:
    """The suffix decides the format; without a known suffix the first line does."""
    assert read(content, name).format is found


def test_ndjson_rows_are_lines() -> None:
    """A row has the number of its line; blank lines are skipped, broken lines are kept."""
    rows = list(read(ONE + b"\n\n{broken\n" + TWO).rows)
    assert [(row.number, row.trade) for row in rows] == [(1, ONE), (3, b"{broken"), (4, TWO)]
    assert rows[-1].end == len(ONE + b"\n\n{broken\n" + TWO)


def test_json_trades_keep_their_bytes() -> None:
    """Each trade of an array keeps its bytes, and its numbers every digit."""
    rows = list(read(b"[" + ONE + b",\n " + TWO + b"]", "a.json").rows)
    assert [(row.number, row.trade) for row in rows] == [(1, ONE), (2, TWO)]
    assert [row.trade for row in read(b" " + ONE + b"\n", "a.json").rows] == [ONE]


@pytest.mark.parametrize("content", [b"[" + ONE, ONE + b"\n" + TWO, b""])
def test_broken_json_is_refused_as_a_whole(content: bytes) -> None:
    """One error names the file and says what to do, because its trades cannot be separated."""
    with pytest.raises(CommandError, match=r"a\.json is not JSON: .*--format") as caught:
        read(content, "a.json")
    assert caught.value.exit_code == 2


def test_a_csv_without_a_column_is_refused_as_a_whole() -> None:
    """One error names the file and the column."""
    with pytest.raises(CommandError, match=r"a\.csv: .*no column bookId"):
        read(HEADER.replace(b"bookId,", b""), "a.csv")


def test_a_format_can_be_forced() -> None:
    """A format that is given wins over the suffix."""
    assert len(list(read(ONE + b"\n" + TWO, "a.json", Format.NDJSON).rows)) == 2
