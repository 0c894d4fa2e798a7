"""The inbox: accepted trades of each partition in order, in Redis, until the ledger has them."""

from tradecapture.inbox.acceptance import Acceptance
from tradecapture.inbox.backlog import LaneBacklog
from tradecapture.inbox.claim import Claim, ClaimedPartition, Settlement
from tradecapture.inbox.connection import connect_inboxes, connect_redis
from tradecapture.inbox.entry import Entry
from tradecapture.inbox.hold import Hold, HoldKind
from tradecapture.inbox.inbox import Inbox, LaneCountError
from tradecapture.inbox.out_of_reach import LanesOutOfReachError, OutOfReach
from tradecapture.inbox.partitions import InboxPartition, WaitingTrade
from tradecapture.inbox.reader import InboxReader, SeenTrade
from tradecapture.inbox.work import LaneWork

__all__ = [
    "Acceptance",
    "Claim",
    "ClaimedPartition",
    "Entry",
    "Hold",
    "HoldKind",
    "Inbox",
    "InboxPartition",
    "InboxReader",
    "LaneCountError",
    "LaneBacklog",
    "LaneWork",
    "LanesOutOfReachError",
    "OutOfReach",
    "SeenTrade",
    "Settlement",
    "WaitingTrade",
    "connect_inboxes",
    "connect_redis",
]
