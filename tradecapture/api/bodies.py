"""The bodies: what the API answers, as typed values (camelCase on the wire)."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.trades.clock import Timestamp
from tradecapture.trades.lifecycle import ExpectedOutcome, Outcome

Percent = Annotated[int, Meta(ge=0, le=100)]
PartitionsDue = Annotated[int, Meta(ge=0, description="a worker may claim them now, or is at them")]
ClaimsDue = Annotated[
    float,
    Meta(
        ge=0,
        description="full claims that they make, a partition one at most: useful parallelism, by "
        "which a fleet is sized",
    ),
]
PartitionsPostponed = Annotated[
    int, Meta(ge=0, description="their last capture failed; they wait for their backoff")
]
PartitionsHeld = Annotated[int, Meta(ge=0, description="they wait for an operator")]
TradesWaiting = Annotated[int, Meta(ge=0, description="accepted trades without an outcome yet")]
DueFor = Annotated[
    float, Meta(ge=0, description="how long the partition due longest has waited for a worker")
]
LanesOutOfReach = Annotated[
    Sequence[int],
    Meta(
        description="empty: this answer is complete. Otherwise nothing in it is of these lanes: "
        "their node of a Redis Cluster is away, or they are just being moved to another"
    ),
]


class FieldProblem(Struct, frozen=True):
    """One thing wrong with a request: where (a JSON path or a header) and what to do about it."""

    path: str
    message: str


class AcceptedBody(Struct, frozen=True, rename="camel"):
    """A trade is safe on disk. A resend is answered with the first job id again.

    By upstream's number it is in order (or not numbered), buffered until its turn, or rejected.
    """

    status: ExpectedOutcome
    trade_id: str
    job_id: str
    partition_key: str
    message: str
    status_url: str


class BatchResult(Struct, frozen=True, rename="camel"):
    """What became of one trade of a batch; accepted ones have a job each."""

    index: Annotated[int, Meta(ge=0, description="place in the batch, from 0")]
    trade_id: str | None
    status: Literal["ACCEPTED", "BUFFERED", "REJECTED", "REFUSED"]
    line: Annotated[int, Meta(ge=1, description="line of NDJSON, from 1")] | UnsetType = UNSET
    duplicate: Annotated[bool, Meta(description="accepted before")] | UnsetType = UNSET
    job_id: str | UnsetType = UNSET
    partition_key: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    code: Annotated[str, Meta(description="why it was refused")] | UnsetType = UNSET
    retry_after_seconds: (
        Annotated[int, Meta(ge=1, description="too many wait: send it again then")] | UnsetType
    ) = UNSET
    message: str | UnsetType = UNSET
    problems: Sequence[FieldProblem] | UnsetType = UNSET


class BatchBody(Struct, frozen=True, rename="camel"):
    """The valid trades of a batch are safe on disk; the others were refused, each with why."""

    status: Literal["ACCEPTED"]
    job_id: str | None
    message: str
    status_url: str | None
    total_trades: int
    accepted_trades: int
    refused_trades: int
    results: Sequence[BatchResult]


class JobStatus(StrEnum):
    """How far a job is."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class JobResult(Struct, frozen=True, rename="camel"):
    """What came of a job: of one trade where it stands, of a batch how its trades ended."""

    trade_id: str | UnsetType = UNSET
    partition_key: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    ledger_sequence: int | UnsetType = UNSET
    accepted_trades: int | UnsetType = UNSET
    refused_trades: int | UnsetType = UNSET
    ended_trades: int | UnsetType = UNSET
    outcomes: Mapping[Outcome, int] | UnsetType = UNSET


class JobBody(Struct, frozen=True, rename="camel"):
    """The progress of a job: of one trade, or of a batch."""

    job_id: str
    status: JobStatus
    progress: Percent
    message: str
    result: JobResult | None
    error: str | None
    created_at: Timestamp
    updated_at: Timestamp


class LaneBacklogBody(Struct, frozen=True, rename="camel"):
    """What waits in a lane."""

    lane: Annotated[int, Meta(ge=0)]
    claims_due: ClaimsDue
    partitions_due: PartitionsDue
    partitions_postponed: PartitionsPostponed
    partitions_held: PartitionsHeld
    waiting: TradesWaiting
    due_for_seconds: DueFor


class BacklogBody(Struct, frozen=True, rename="camel"):
    """What waits in all lanes that are in reach."""

    claims_due: ClaimsDue
    partitions_due: PartitionsDue
    partitions_postponed: PartitionsPostponed
    partitions_held: PartitionsHeld
    waiting: TradesWaiting
    due_for_seconds: DueFor
    lanes: Annotated[Sequence[LaneBacklogBody], Meta(description="those in reach")]
    lanes_out_of_reach: LanesOutOfReach


class HealthStatus(StrEnum):
    """Whether something can be used."""

    UP = "UP"
    DOWN = "DOWN"


class ComponentBody(Struct, frozen=True):
    """One server that the service needs."""

    status: HealthStatus
    error: str | UnsetType = UNSET


class ConnectionPoolBody(Struct, frozen=True, rename="camel"):
    """The database connections of the answering process."""

    active: int
    idle: int
    total: int
    maximum_pool_size: Annotated[int, Meta(ge=1)]


class HealthBody(Struct, frozen=True, rename="camel"):
    """Whether trades can be accepted and looked up."""

    status: HealthStatus
    components: Mapping[str, ComponentBody]
    connection_pool: ConnectionPoolBody


class ManagementHealthBody(Struct, frozen=True):
    """Whether trades can be accepted and looked up, for a load balancer."""

    status: HealthStatus


class TradeSummaryBody(Struct, frozen=True, rename="camel"):
    """A trade that the ledger has, without its document; see `GET /trades/capture/{tradeId}`."""

    trade_id: str
    status: Outcome
    partition_key: str
    position: Annotated[int, Meta(ge=1, description="in the order of acceptance")]
    accepted_at: Timestamp
    task_id: Annotated[str, Meta(description="the Celery task that captured or recorded it")]
    trade_date: Annotated[date, Meta(description="of a captured trade")] | UnsetType = UNSET
    ledger_sequence: (
        Annotated[int, Meta(ge=1, description="1, 2, 3 ... within the partition")] | UnsetType
    ) = UNSET
    captured_at: Timestamp | UnsetType = UNSET
    recorded_at: Annotated[Timestamp, Meta(description="when it was not captured")] | UnsetType = (
        UNSET
    )
    reason: Annotated[str, Meta(description="why it was not captured")] | UnsetType = UNSET


class FoundPageBody(Struct, frozen=True, rename="camel"):
    """A page of trades that fit. While there is a `nextCursor`, more may follow."""

    trades: Sequence[TradeSummaryBody]
    next_cursor: Annotated[str | None, Meta(description="null: this was the last page")]
