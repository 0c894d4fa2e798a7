"""The inbox: accepted trades of each partition in order, in Redis, until the ledger has them."""

from tradecapture.inbox.acceptance import Acceptance
from tradecapture.inbox.claim import Claim, ClaimedPartition, Settlement
from tradecapture.inbox.connection import connect_redis
from tradecapture.inbox.entry import Entry
from tradecapture.inbox.inbox import Inbox, LaneCountError
from tradecapture.inbox.reader import InboxPartition, InboxReader, SeenTrade

__all__ = [
    "Acceptance",
    "Claim",
    "ClaimedPartition",
    "Entry",
    "Inbox",
    "InboxPartition",
    "InboxReader",
    "LaneCountError",
    "SeenTrade",
    "Settlement",
    "connect_redis",
]
