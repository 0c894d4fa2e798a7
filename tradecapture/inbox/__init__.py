"""The inbox: accepted trades of each partition in order, in Redis, until the ledger has them."""

from tradecapture.connections.redis_client import connect_redis
from tradecapture.inbox.acceptance import Acceptance
from tradecapture.inbox.backlog import LaneBacklog, LaneLoad
from tradecapture.inbox.claim import Claim, ClaimedPartition, Completion
from tradecapture.inbox.entry import Entry
from tradecapture.inbox.hold import Hold, HoldKind
from tradecapture.inbox.inbox import Inbox, connect_inboxes
from tradecapture.inbox.lane_count import LaneCountError
from tradecapture.inbox.reader import AcceptedTrade, InboxPartition, InboxReader, WaitingTrade
from tradecapture.inbox.unreachable import LanesUnreachableError, UnreachableLanes

__all__ = [
    "Acceptance",
    "AcceptedTrade",
    "Claim",
    "ClaimedPartition",
    "Completion",
    "Entry",
    "Hold",
    "HoldKind",
    "Inbox",
    "InboxPartition",
    "InboxReader",
    "LaneBacklog",
    "LaneCountError",
    "LaneLoad",
    "LanesUnreachableError",
    "UnreachableLanes",
    "WaitingTrade",
    "connect_inboxes",
    "connect_redis",
]
