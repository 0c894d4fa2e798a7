"""Stored names: what releases, rows and files share. A rename in the code never changes one."""

import re
from importlib.resources import files

from tradecapture.api.service.batch_jobs import KEY_PREFIX
from tradecapture.capture.messages import (
    CAPTURE_TASK,
    MESSAGE_VERSION_HEADER,
    SUBMIT_QUEUE,
    SUBMIT_TASK,
    queue_of,
)
from tradecapture.inbox import Hold, HoldKind
from tradecapture.inbox.entry import Entry, decode_entry, encode_body
from tradecapture.inbox.keys import ACKNOWLEDGED_KEY, FORMAT_KEY, LANES_KEY, lane_keys
from tradecapture.ledger.schema.phases import PHASES
from tradecapture.ledger.schema.tables import metadata
from tradecapture.operations.action import Action
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission

# Sorted by the table's name; columns in their order.
COLUMNS = {
    "audit": "event_id done_at who action partition_key trade_id epoch position why result",
    "exceptions": "partition_key epoch position trade_id digest outcome reason accepted_at "
    "recorded_at task_id correlation_id document sequence_number callback_url",
    "outbox": "event_id trade_id partition_key outcome callback_url correlation_id created_at",
    "partitions": "partition_key account_id book_id security_id fence last_sequence epoch "
    "last_position inversions net_quantity quantities notionals last_trade_date halted_epoch "
    "halted_position halted_reason updated_at paused_reason upstream buffered",
    "trades": "trade_id partition_key ledger_sequence epoch position digest outcome trade_date "
    "accepted_at captured_at task_id correlation_id document sequence_number buffered_at",
}
INDEXES = {
    "audit_partition",
    "exceptions_outcome",
    "exceptions_outcome_place",
    "exceptions_trade",
    "partitions_book",
    "partitions_security",
    "trades_date",
    "trades_partition_sequence",
}
LANE_KEYS = (
    *("due", "positions", "epoch", "bell", "held", "fence", "tries", "backlog", "upstream"),
    *("lanes", "promoted", "began"),
)
# An entry as release 0.1.0 writes it: the stamp of the script, then a MessagePack array.
ENTRY = b"1 7 1700000000000000 1700000000123 " + bytes.fromhex(
    "97a3542d31b030313233343536373839616263646566c4077b2261223a317da3632d31"
    "b368747470733a2f2f782e6578616d706c652f6305a3313a32"
)
KEY = PartitionKey("P")
SUBMISSION = Submission(
    *(KEY, "T-1", "0123456789abcdef", b'{"a":1}', "c-1", "https://x.example/c", 5, "1:2")
)


def test_redis_keys_of_a_lane() -> None:
    """The keys of a lane share its hash tag."""
    keys = lane_keys(3)
    assert set(keys[1:]) == {f"tc:{{3}}:{name}" for name in LANE_KEYS}
    assert [keys.inbox(KEY), keys.lock(KEY), keys.ahead(KEY)] == [
        "tc:{3}:inbox:P",
        "tc:{3}:lock:P",
        "tc:{3}:ahead:P",
    ]
    assert [keys.identity("T"), keys.seen("T")] == ["tc:{3}:identity:T", "tc:{3}:seen:T"]


def test_redis_keys_without_a_lane() -> None:
    """The keys of the deployment and of batch jobs."""
    assert (*("tc:lanes", "tc:format", "tc:acknowledged", "tc:job:"),) == (
        LANES_KEY,
        FORMAT_KEY,
        ACKNOWLEDGED_KEY,
        KEY_PREFIX,
    )


def test_redis_fields_of_a_backlog() -> None:
    """The scripts count in two fields of the backlog, whatever the commands are called."""
    scripts = files("tradecapture.inbox.scripts")
    text = "".join(each.read_text() for each in scripts.iterdir() if each.name.endswith(".lua"))
    fields = set(re.findall(r"backlog, '(\w+)'", text)) | set(
        re.findall(r"'HINCRBY', \S+, '(\w+)'", text)
    )
    assert fields == {"accepted", "settled"}


def test_holds_in_redis() -> None:
    """The text of a pause names the operator; the text of a halt is its reason."""
    assert Hold.by_operator("ann", "prices").encode() == "PAUSED ann: prices"
    assert Hold.halt("overflow").encode() == "overflow"
    assert set(HoldKind) == {"PAUSED", "HALTED"}


def test_entries_in_redis() -> None:
    """An entry that release 0.1.0 wrote is read, and one is written in the same bytes."""
    entry = Entry(7, 1700000000000000, 1700000000123, SUBMISSION)
    assert decode_entry(KEY, ENTRY) == entry
    assert ENTRY.endswith(encode_body(SUBMISSION))


def test_tables_and_columns() -> None:
    """The ledger's tables, their columns in order, and their indexes."""
    tables = {table.name: " ".join(table.columns.keys()) for table in metadata.sorted_tables}
    assert tables == COLUMNS
    indexes = {index.name for table in metadata.sorted_tables for index in table.indexes}
    assert indexes == INDEXES


def test_revisions_of_the_schema() -> None:
    """Two tables record which migrations a ledger has."""
    revisions = {
        phase.version_table: [migration.revision for migration in phase.migrations()]
        for phase in PHASES
    }
    assert revisions == {"alembic_version": ["0001", "0002"], "schema_expansion": ["0003"]}


def test_tasks_queues_and_headers() -> None:
    """What travels through the broker between releases."""
    assert (CAPTURE_TASK, SUBMIT_TASK) == ("tradecapture.capture", "tradecapture.submit")
    assert (queue_of(3), SUBMIT_QUEUE) == ("trades.3", "trades.submit")
    assert MESSAGE_VERSION_HEADER == "tradecapture-signature"


def test_values_in_rows_and_answers() -> None:
    """Outcomes, states and actions stand in rows, in JSON and in URLs."""
    assert set(Outcome) == {"CAPTURED", "DUPLICATE", "REJECTED", "PARKED", "BUFFERED"}
    assert set(TradeState) == {"ACCEPTED", "CAPTURED", "REJECTED", "PARKED", "BUFFERED"}
    assert set(Action) == {"pause", "resume", "retry", "skip", "release", "replay"}
