"""The bodies of responses about the backlog and about health."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tradecapture.api.http.bodies import LanesOutOfReach

PartitionsDue = Annotated[
    int, Meta(ge=0, description="partitions that a worker may claim now, or has claimed")
]
ClaimsDue = Annotated[
    float,
    Meta(
        ge=0,
        description="claims that workers could hold at the same time: the due trades in full "
        "claims, at most one for each partition. Scale the fleet by it",
    ),
]
PartitionsPostponed = Annotated[
    int, Meta(ge=0, description="partitions that wait to be tried again after a failed capture")
]
PartitionsHeld = Annotated[int, Meta(ge=0, description="partitions that wait for an operator")]
TradesWaiting = Annotated[int, Meta(ge=0, description="accepted trades without an outcome yet")]
DueFor = Annotated[
    float,
    Meta(ge=0, description="seconds for which the partition that is due longest has been due"),
]


class LaneBacklogBody(Struct, frozen=True, rename="camel"):
    """What waits in one lane."""

    lane: Annotated[int, Meta(ge=0)]
    claims_due: ClaimsDue
    partitions_due: PartitionsDue
    partitions_postponed: PartitionsPostponed
    partitions_held: PartitionsHeld
    waiting: TradesWaiting
    due_for_seconds: DueFor


class BacklogBody(Struct, frozen=True, rename="camel"):
    """What waits in all lanes that could be read."""

    claims_due: ClaimsDue
    partitions_due: PartitionsDue
    partitions_postponed: PartitionsPostponed
    partitions_held: PartitionsHeld
    waiting: TradesWaiting
    due_for_seconds: DueFor
    lanes: Annotated[Sequence[LaneBacklogBody], Meta(description="the lanes that could be read")]
    lanes_out_of_reach: LanesOutOfReach


class HealthStatus(StrEnum):
    """Whether something works."""

    UP = "UP"
    DOWN = "DOWN"


class ComponentBody(Struct, frozen=True):
    """The health of a server that the service needs."""

    status: HealthStatus
    error: str | UnsetType = UNSET


class ConnectionPoolBody(Struct, frozen=True, rename="camel"):
    """The database connections of the process that answers."""

    active: int
    idle: int
    total: int
    maximum_pool_size: Annotated[int, Meta(ge=1)]


class HealthBody(Struct, frozen=True, rename="camel"):
    """Whether the service can accept trades and read what became of them, with details."""

    status: HealthStatus
    components: Mapping[str, ComponentBody]
    connection_pool: ConnectionPoolBody


class ManagementHealthBody(Struct, frozen=True):
    """Whether the service works, for load balancers and probes."""

    status: HealthStatus
