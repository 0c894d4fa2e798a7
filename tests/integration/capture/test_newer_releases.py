"""Entries and schemas of newer releases, whose trades wait for newer workers, in order."""

from collections.abc import Iterator

import msgspec
import pytest

from tests.support.builders import broken, submission, submissions
from tests.support.capture.fixtures import MakeWorker
from tests.support.capture.operator import Operator, parked
from tests.support.capture.worker import ONE, TWO, Worker, ids
from tests.support.deployment.releases.next_release import NEXT_FORMAT, read_next, write_next
from tests.support.inbox.redis_snapshot import KEYS
from tests.support.ledger.ledger_snapshot import partition_row
from tradecapture.inbox import entry
from tradecapture.inbox.entry import EntryFormatError
from tradecapture.inbox.keys import FORMAT_KEY
from tradecapture.ledger.schema.phases import BASE
from tradecapture.operations.action import Action
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.submission import Submission


class NextRelease:
    """Lets this process read and write entries as the next release, during a with block."""

    def __enter__(self) -> None:
        """Add the reader and the writer of the next format."""
        entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT] = read_next, write_next

    def __exit__(self, *_error: object) -> None:
        """Remove the reader and the writer of the next format."""
        del entry.READERS[NEXT_FORMAT], entry.WRITERS[NEXT_FORMAT]


next_release = NextRelease()


def format_of_entry(worker: Worker, index: int) -> int:
    """Return the format of the entry at an index of the inbox."""
    raw = worker.inbox.redis.lindex(KEYS.inbox(ONE), index)
    assert isinstance(raw, bytes)
    return int(raw.split(b" ")[0])


def accept_newer(worker: Worker, *trades: Submission) -> None:
    """Let an API of the next release accept trades, after the format was raised."""
    with next_release:
        worker.inbox.entry_format.record(NEXT_FORMAT)
        worker.inbox.entry_format._read_at = float("-inf")
        worker.accept(*trades)
    assert format_of_entry(worker, -1) == NEXT_FORMAT


def test_newer_entries_wait_for_a_newer_worker_and_halt_nothing(
    make_worker: MakeWorker, logged: pytest.LogCaptureFixture
) -> None:
    """Trades before a newer entry are captured; the entry and later trades wait, in order."""
    worker = make_worker(backoff_seconds=0.001, backoff_limit_seconds=0.002)
    worker.accept(*submissions(2, "B1"))
    accept_newer(worker, *submissions(2, "B1", 3))
    worker.inbox.redis.delete(FORMAT_KEY)
    worker.accept(*submissions(1, "B1", 5), *submissions(2, "B2"))
    for _bell in range(2):
        worker.drain(budget_seconds=0.05)
    assert worker.captured() == {ONE: ids("B1", 2), TWO: ids("B2", 2)}
    assert (worker.held(), worker.waiting()) == ({}, {ONE: 3})
    assert worker.inbox_reader.keys_with_newer_head(10) == [ONE]  # as `doctor` shows
    log_lines = {line for line in logged.messages if "left for workers of a newer release" in line}
    assert log_lines == {f"event='left for workers of a newer release' lane=0 partitions={[ONE]}"}
    with next_release:
        worker.drain_until(lambda: not worker.waiting())
    assert worker.captured() == {ONE: ids("B1", 5), TWO: ids("B2", 2)}
    worker.assert_all_is_accounted_for()


def test_a_partition_that_waits_for_a_newer_worker_keeps_nobody_busy(
    make_worker: MakeWorker,
) -> None:
    """A partition with a newer head is postponed, with a backoff that grows to its maximum."""
    worker = make_worker(backoff_seconds=10, backoff_limit_seconds=1000)
    accept_newer(worker, *submissions(1, "B1"))
    assert worker.drain().postponed == 1
    assert worker.drain() == (0, {}, 0, 0, 0, False)
    assert worker.inbox.redis.hget(KEYS.tries, ONE) == b"1"
    assert worker.inbox.reserve_bells() == []


def test_an_operator_of_an_older_release_cannot_skip_a_newer_trade(
    worker: Worker, operator: Operator
) -> None:
    """An operator cannot skip a newer trade; the message names a newer release as necessary."""
    accept_newer(worker, *submissions(1, "B1"))
    operator.perform(Action.PAUSE)
    result = operator.perform(Action.SKIP)
    assert not result.done
    assert "newer release" in result.message
    assert worker.waiting() == {ONE: 1}
    assert partition_row(worker.ledger, ONE).paused_reason is not None


def test_the_recorded_format_is_what_is_written(worker: Worker) -> None:
    """A release writes the recorded format if it knows that format, and otherwise format 1."""
    format_of = worker.inbox.entry_format
    assert (format_of.current(), format_of.recorded()) == (1, 1)
    with pytest.raises(EntryFormatError, match="formats 1 to 1, and 2 is none of them"):
        format_of.record(NEXT_FORMAT)
    with next_release:
        assert format_of.current() == 1
        format_of.record(NEXT_FORMAT)
        format_of._read_at = float("-inf")
        assert format_of.current() == NEXT_FORMAT
    # This release does not know the recorded format, so it writes format 1, which all can read.
    worker.accept(*submissions(1, "B1"))
    assert format_of_entry(worker, 0) == 1
    assert worker.drain().outcomes == {Outcome.CAPTURED: 1}


def test_fields_that_a_newer_release_adds_at_the_end_are_read_past(worker: Worker) -> None:
    """A worker ignores extra fields at the end of an entry; they need no new format."""
    sent = submission("B1-1", "B1")
    body = msgspec.msgpack.encode(
        [*msgspec.msgpack.decode(entry.encode_body(sent)), "a field of a newer release", 7]
    )
    assert entry.decode_entry(ONE, b"1 1 2 3 " + body).submission == sent


@pytest.fixture
def contracted(worker: Worker) -> Iterator[Worker]:
    """A worker whose schema a newer release contracts after the worker's start."""
    set_floor = "UPDATE alembic_version SET version_num = '{}'"
    with worker.ledger.engine.begin() as connection:
        connection.exec_driver_sql(set_floor.format("0005"))
    yield worker
    with worker.ledger.engine.begin() as connection:
        connection.exec_driver_sql(set_floor.format(BASE))


def test_a_schema_that_is_contracted_under_a_worker_parks_nothing(contracted: Worker) -> None:
    """On a contracted schema a worker parks nothing; its trades wait for a newer worker."""
    contracted.accept(broken("poison", "B1"), *submissions(2, "B1"))
    assert contracted.drain(budget_seconds=0.0).postponed == 1
    state = (parked(contracted), contracted.held(), contracted.waiting())
    assert state == ([], {}, {ONE: 3})
