"""The answer to a submission: a receipt if the trade is safe, or a refusal that says why."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.problems import Problem

JOB_PREFIX = "trade-"


class RefusalCode(StrEnum):
    """Why a trade was not accepted."""

    INVALID = "VALIDATION_ERROR"
    CONFLICT = "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD"
    UNAVAILABLE = "SERVICE_UNAVAILABLE"
    PARTITION_FULL = "PARTITION_BACKLOG_FULL"
    BACKLOG_FULL = "BACKLOG_FULL"

    @property
    def is_full(self) -> bool:
        """Whether too many trades wait; the trade may be accepted when some have left."""
        return self in (RefusalCode.PARTITION_FULL, RefusalCode.BACKLOG_FULL)


class Receipt(Struct, frozen=True, rename="camel"):
    """A trade is safe in its inbox. A resend gets the first receipt again, marked as duplicate."""

    trade_id: str
    partition_key: PartitionKey
    position: int
    accepted_at: datetime
    duplicate: bool
    expected_outcome: ExpectedOutcome = ExpectedOutcome.ACCEPTED
    why: str = ""  # why the trade is out of order; empty: it is in order

    @property
    def job_id(self) -> str:
        """The id with which a client asks for the trade's progress."""
        return job_id_of(self.trade_id)


class Refusal(Struct, frozen=True, rename="camel"):
    """A trade was not accepted, and nothing of it was kept."""

    trade_id: str | None
    code: RefusalCode
    message: str
    problems: Sequence[Problem] = ()
    retry_after_seconds: int | None = None  # when to send it again; None: at once or never


Answer = Receipt | Refusal


def job_id_of(trade_id: str) -> str:
    """Return the job id of a trade: its trade id in URL-safe base64.

    So a resend has the same job id, which needs no table and never expires.
    """
    return JOB_PREFIX + urlsafe_b64encode(trade_id.encode()).decode().rstrip("=")


def trade_id_of(job_id: str) -> str | None:
    """Return the trade id in a job id; None: `job_id_of` did not make it."""
    if not job_id.startswith(JOB_PREFIX):
        return None
    text = job_id.removeprefix(JOB_PREFIX)
    try:
        trade_id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
    return trade_id if job_id_of(trade_id) == job_id else None
