"""What is written: the rows that a capture or an operator's deed puts into the ledger."""

from collections import defaultdict

from tradecapture.ledger.rows import ExceptionRow, OutboxRow, PartitionRow, TradeRow


class Written:
    """The rows that a judgement writes."""

    def __init__(self) -> None:
        self.trades: list[TradeRow] = []
        self.exceptions: list[ExceptionRow] = []
        # partition -> ids of its trades that leave the buffer
        self.released: defaultdict[str, list[str]] = defaultdict(list)
        self.outbox: list[OutboxRow] = []
        self.partitions: list[PartitionRow] = []
