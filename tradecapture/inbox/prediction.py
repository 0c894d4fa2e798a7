"""The prediction: how upstream's number stands when its trade is accepted; the ledger will judge.

The accept script looks; its rules are those of `ledger.sequencing`, from the HTTP contract.
"""

from tradecapture.receipt import Standing

# Redis scripts count in binary floating point, which is exact up to here. Larger numbers are left
# to the ledger.
MAX_PREDICTED_NUMBER = 2**53 - 1

_STANDINGS = {b"": Standing.ACCEPTED, b"B": Standing.BUFFERED, b"R": Standing.REJECTED}


def as_argument(number: int | None) -> int | str:
    """Return upstream's number as the accept script takes it; empty: it predicts nothing."""
    return "" if number is None or number > MAX_PREDICTED_NUMBER else number


def standing_of(letter: bytes) -> Standing:
    """Return the standing that a letter in Redis stands for."""
    return _STANDINGS[letter]


def explain(standing: Standing, number: int | None, last: int, window: int) -> str:
    """Return why a trade that was just accepted is not in order; empty: it is.

    Args:
        standing: as predicted.
        number: upstream's number of the trade.
        last: the number of its partition that was in order last.
        window: how far ahead of that a number may be.
    """
    if standing is Standing.ACCEPTED or number is None:
        return ""
    if standing is Standing.BUFFERED:
        return f"sequence number {number} waits for {last + 1}, and is captured after it"
    if number <= last:
        return f"sequence number {number} was passed: the partition is at {last}"
    if number > last + window:
        return f"sequence number {number} is more than {window} ahead of {last}"
    return f"sequence number {number} is that of another trade, which waits for its turn"


def explain_again(standing: Standing, number: int | None) -> str:
    """Return why a trade that was accepted before was not in order then; empty: it was."""
    if standing is Standing.ACCEPTED:
        return ""
    why = "ahead of its turn" if standing is Standing.BUFFERED else "out of turn"
    return f"sequence number {number} was {why} when the trade was accepted"
