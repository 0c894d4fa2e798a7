"""The bodies of a page of partitions, and of an action's request and result."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from tradecapture.api.http.bodies import LanesOutOfReach
from tradecapture.operations.views import PartitionBody
from tradecapture.trades.lifecycle import Outcome


class PartitionPageBody(Struct, frozen=True, rename="camel"):
    """Partitions in the order of their keys."""

    partitions: Sequence[PartitionBody]
    next_cursor: Annotated[str | None, Meta(description="of the next page; null: there is none")]
    lanes_out_of_reach: LanesOutOfReach


class ActionRequestBody(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who asks for an action, and why."""

    by: Annotated[str, Meta(max_length=100, description="your name; the audit keeps it")]
    why: Annotated[str, Meta(max_length=500, description="pause, skip and release need one")] = ""
    dry_run: Annotated[bool, Meta(description="only say what the result would be")] = False


class ActionResultBody(Struct, frozen=True, rename="camel"):
    """The result of an action."""

    done: bool
    dry_run: Annotated[bool, Meta(description="nothing was changed")]
    message: str
    trade_id: str | None
    outcome: Annotated[Outcome | None, Meta(description="of that trade")]
    captured: Annotated[int, Meta(ge=0, description="trades that the action captured")]
    partition: Annotated[
        PartitionBody | None,
        Meta(description="its state now; null: the action is done, but the state is not readable"),
    ]
