"""The bodies of responses to submissions."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.api.http.bodies import FieldProblem
from tradecapture.api.http.problem import ProblemBody
from tradecapture.trades.lifecycle import ExpectedOutcome


class AcceptedBody(Struct, frozen=True, rename="camel"):
    """A trade is safe on disk. A resend gets the first job id again.

    The status is ACCEPTED for a trade without a sequence number or in order, BUFFERED for one
    ahead of its turn, and REJECTED for one whose number has already been passed or is too far
    ahead.
    """

    status: ExpectedOutcome
    trade_id: str
    job_id: str
    partition_key: str
    message: str
    status_url: str


class BatchResult(Struct, frozen=True, rename="camel"):
    """What happened to one trade of a batch. Each accepted trade has a job."""

    index: Annotated[int, Meta(ge=0, description="index in the batch, from 0")]
    trade_id: str | None
    status: Literal["ACCEPTED", "BUFFERED", "REJECTED", "REFUSED"]
    line: Annotated[int, Meta(ge=1, description="line of NDJSON, from 1")] | UnsetType = UNSET
    duplicate: Annotated[bool, Meta(description="the trade was accepted before")] | UnsetType = (
        UNSET
    )
    job_id: str | UnsetType = UNSET
    partition_key: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    code: Annotated[str, Meta(description="why the trade was refused")] | UnsetType = UNSET
    retry_after_seconds: (
        Annotated[int, Meta(ge=1, description="when to send the trade again")] | UnsetType
    ) = UNSET
    message: str | UnsetType = UNSET
    problems: Sequence[FieldProblem] | UnsetType = UNSET


class BatchBody(Struct, frozen=True, rename="camel"):
    """The valid trades of a batch are safe on disk. Each other trade has the reason in its result.

    Without a job id the job could not be stored; each trade still has its own job.
    """

    status: Literal["ACCEPTED"]
    job_id: str | None
    message: str
    status_url: str | None
    total_trades: int
    accepted_trades: int
    refused_trades: int
    results: Sequence[BatchResult]


class BatchProblemBody(ProblemBody, frozen=True, kw_only=True):
    """A problem document of a batch: if its trades could be read, with a result for each."""

    results: Sequence[BatchResult] | UnsetType = UNSET
