"""The report of a submission: how many trades got which answer, and the refused rows."""

from collections import Counter
from enum import StrEnum
from typing import BinaryIO

import msgspec
from msgspec import Struct

from tradecapture.cli.commands.submit.csv_files import Row, column_of
from tradecapture.cli.commands.submit.files import Format, TradeFile
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode

MAX_SHOWN = 20  # refused rows; --errors writes all of them into a file


class SubmitResult(StrEnum):
    """What became of a trade at its submission."""

    ACCEPTED = "accepted"
    RESENT = "accepted before (resent)"
    CONFLICT = "refused: id used for another trade"
    INVALID = "refused: not valid"
    UNAVAILABLE = "not sent: Redis does not answer"
    FULL = "not sent: too many trades wait"


# These trades may be accepted when they are sent again later.
NOT_SENT = (SubmitResult.UNAVAILABLE, SubmitResult.FULL)


class RefusedRow(Struct, frozen=True, rename="camel"):
    """A refused row, and everything that is wrong with it."""

    file: str
    row: int
    trade_id: str | None
    reasons: list[str]


class SubmitReport:
    """Counts the answers, keeps the first refused rows, and writes all of them to a file."""

    def __init__(self, errors: BinaryIO | None) -> None:
        """Make an empty report.

        Args:
            errors: the file for all refused rows, as NDJSON; None: none is written.
        """
        self.counts: Counter[SubmitResult] = Counter()
        self.accepted_ids: dict[str, None] = {}  # each once, in their order
        self.shown: list[RefusedRow] = []
        self.not_sent_because = ""  # the reason of the last trade that was not sent
        self._errors = errors

    @property
    def refused(self) -> int:
        """How many rows will never be accepted as they are."""
        return self.counts[SubmitResult.CONFLICT] + self.counts[SubmitResult.INVALID]

    @property
    def not_sent(self) -> int:
        """How many trades must be sent again."""
        return sum(self.counts[result] for result in NOT_SENT)

    @property
    def safe(self) -> int:
        """How many trades are on the disk of Redis, or were before."""
        return self.counts[SubmitResult.ACCEPTED] + self.counts[SubmitResult.RESENT]

    def add(self, file: TradeFile, row: Row, answer: Receipt | Refusal | None) -> None:
        """Add the answer to a row; None: the row holds no trade, and was not sent."""
        if isinstance(answer, Receipt):
            self.counts[SubmitResult.RESENT if answer.duplicate else SubmitResult.ACCEPTED] += 1
            self.accepted_ids[answer.trade_id] = None
            return
        result = _RESULTS[answer.code] if answer else SubmitResult.INVALID
        self.counts[result] += 1
        if answer and result in NOT_SENT:
            self.not_sent_because = answer.message
            return
        refused = RefusedRow(
            file=file.name,
            row=row.number,
            trade_id=answer.trade_id if answer else None,
            reasons=_reasons(file.format, row, answer),
        )
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(refused)
        if self._errors is not None:
            self._errors.write(msgspec.json.encode(refused) + b"\n")


_RESULTS = {
    RefusalCode.INVALID: SubmitResult.INVALID,
    RefusalCode.CONFLICT: SubmitResult.CONFLICT,
    RefusalCode.UNAVAILABLE: SubmitResult.UNAVAILABLE,
    RefusalCode.PARTITION_FULL: SubmitResult.FULL,
    RefusalCode.BACKLOG_FULL: SubmitResult.FULL,
}


def _reasons(file_format: Format, row: Row, refusal: Refusal | None) -> list[str]:
    if refusal is None:
        return [row.problem]
    if not refusal.problems:
        return [refusal.message]
    is_csv = file_format is Format.CSV
    return [
        f"{column_of(problem.path) if is_csv else problem.path} {problem.message}"
        for problem in refusal.problems
    ]
