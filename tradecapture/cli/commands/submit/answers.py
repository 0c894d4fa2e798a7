"""The answers to a submission: how many trades got which, and the refused rows."""

from collections import Counter
from enum import StrEnum
from typing import BinaryIO

import msgspec
from msgspec import Struct

from tradecapture.cli.commands.submit.csv_files import Row, column_of
from tradecapture.cli.commands.submit.files import Format, TradeFile
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode

SHOWN = 20  # refused rows that are shown; more belong into a file


class SubmitResult(StrEnum):
    """What a submitted trade was answered."""

    ACCEPTED = "accepted"
    RESENT = "accepted before (resent)"
    CONFLICT = "refused: id used for another trade"
    INVALID = "refused: not valid"
    UNAVAILABLE = "not sent: Redis out of reach"
    FULL = "not sent: too many trades wait"


# Nothing is wrong with these trades: they are accepted when they are sent again later.
NOT_SENT = (SubmitResult.UNAVAILABLE, SubmitResult.FULL)


class RefusedRow(Struct, frozen=True, rename="camel"):
    """A row that was not accepted, and everything that is wrong with it."""

    file: str
    row: int
    trade_id: str | None
    reasons: list[str]


class Answers:
    """Counts answers and keeps the refused rows, all of them in a file if one is given."""

    def __init__(self, errors: BinaryIO | None) -> None:
        self.counts: Counter[SubmitResult] = Counter()
        self.accepted_ids: dict[str, None] = {}  # in their order, once each
        self.shown: list[RefusedRow] = []
        self.not_sent_because = ""  # of the last trade that was not sent
        self._errors = errors

    @property
    def refused(self) -> int:
        """Rows that will never be accepted as they are."""
        return self.counts[SubmitResult.CONFLICT] + self.counts[SubmitResult.INVALID]

    @property
    def not_sent(self) -> int:
        """Trades that are to be sent again."""
        return sum(self.counts[answered] for answered in NOT_SENT)

    @property
    def safe(self) -> int:
        """Trades that are on disk, or were already."""
        return self.counts[SubmitResult.ACCEPTED] + self.counts[SubmitResult.RESENT]

    def add(self, file: TradeFile, row: Row, answer: Receipt | Refusal | None) -> None:
        """Note the answer to a row; None: it was not sent because it holds no trade."""
        if isinstance(answer, Receipt):
            self.counts[SubmitResult.RESENT if answer.duplicate else SubmitResult.ACCEPTED] += 1
            self.accepted_ids[answer.trade_id] = None
            return
        answered = _ANSWERED[answer.code] if answer else SubmitResult.INVALID
        self.counts[answered] += 1
        if answer and answered in NOT_SENT:
            self.not_sent_because = answer.message
            return
        refused = RefusedRow(
            file=file.name,
            row=row.number,
            trade_id=answer.trade_id if answer else None,
            reasons=_reasons(file.format, row, answer),
        )
        if len(self.shown) < SHOWN:
            self.shown.append(refused)
        if self._errors is not None:
            self._errors.write(msgspec.json.encode(refused) + b"\n")


_ANSWERED = {
    RefusalCode.INVALID: SubmitResult.INVALID,
    RefusalCode.CONFLICT: SubmitResult.CONFLICT,
    RefusalCode.UNAVAILABLE: SubmitResult.UNAVAILABLE,
    RefusalCode.PARTITION_FULL: SubmitResult.FULL,
    RefusalCode.BACKLOG_FULL: SubmitResult.FULL,
}


def _reasons(kind: Format, row: Row, refusal: Refusal | None) -> list[str]:
    if refusal is None:
        return [row.problem]
    if not refusal.problems:
        return [refusal.message]
    return [
        f"{column_of(problem.path) if kind is Format.CSV else problem.path} {problem.message}"
        for problem in refusal.problems
    ]
