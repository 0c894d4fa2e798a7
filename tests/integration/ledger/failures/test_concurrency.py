"""Several workers at once, where many can write: one effect a trade, one order a partition."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from tests.support.builders import entry, partition_of, submission
from tests.support.ledger.ledger_snapshot import (
    capture,
    exception_rows,
    partition_row,
    shares,
    trade_rows,
    waiting_trades,
)
from tradecapture.ledger import Ledger, LedgerReader, PartitionResult
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome

WORKERS = 4
PATIENCE_SECONDS = 30.0

Work = Callable[[Ledger], list[PartitionResult]]


@pytest.fixture(params=["postgresql", pytest.param("mssql", marks=pytest.mark.mssql)])
def ledgers(request: pytest.FixtureRequest, settings: Settings) -> Iterator[list[Ledger]]:
    """A ledger for each worker, with connections of its own."""
    url = request.getfixturevalue(f"{request.param}_url")
    # Four workers at the same few rows in a loop are more contention than retries are made for.
    patient = replace(settings, database_url=url, retry_attempts=50)
    made = [Ledger(patient) for _ in range(WORKERS)]
    yield made
    for ledger in made:
        ledger.dispose()


def at_once(ledgers: Sequence[Ledger], work: Sequence[Work]) -> list[list[PartitionResult]]:
    """Let every worker begin at the same moment; return what each was told."""
    barrier = threading.Barrier(len(work))
    results: dict[int, list[PartitionResult]] = {}

    def run(number: int) -> None:
        barrier.wait(PATIENCE_SECONDS)
        results[number] = work[number](ledgers[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return [results[number] for number in range(len(work))]


def test_one_new_partition_is_captured_by_several_at_once(ledgers: list[Ledger]) -> None:
    """Overlapping claims, as after lost leases: each trade once, in order, sums right."""

    def work(fence: int) -> Work:
        return lambda ledger: capture(ledger, *waiting_trades(20 + fence), fence=fence)

    verdicts = at_once(ledgers, [work(fence) for fence in range(1, WORKERS + 1)])
    rows = trade_rows(ledgers[0])
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    assert [row.ledger_sequence for row in rows] == [row.position for row in rows]
    assert len(rows) == 20 + WORKERS  # the newest claim is never stale
    assert shares(ledgers[0]) == 1000 * len(rows)
    captured = sum(v.outcomes.get(Outcome.CAPTURED, 0) for (v,) in verdicts)
    assert captured == len(rows)
    assert partition_row(ledgers[0]).fence == WORKERS


def test_the_same_ids_in_several_partitions_are_captured_once(ledgers: list[Ledger]) -> None:
    """In opposite orders, so that inserts deadlock: one captures an id, the others reject it."""
    ids = [f"T-{number}" for number in range(40)]

    def work(number: int) -> Work:
        book = f"B{number}"
        mine = ids if number % 2 else ids[::-1]
        batch = [entry(submission(trade_id, book), n) for n, trade_id in enumerate(mine, 1)]
        return lambda ledger: capture(ledger, *batch)

    at_once(ledgers, [work(number) for number in range(WORKERS)])
    assert sorted(row.trade_id for row in trade_rows(ledgers[0])) == sorted(ids)
    recorded = exception_rows(ledgers[0])
    assert len(recorded) == len(ids) * (WORKERS - 1)
    assert {row.outcome for row in recorded} == {"REJECTED"}
    reader = LedgerReader(ledgers[0].engine, ledgers[0].dialect)
    assert (reader.count_inversions(), reader.count_broken_sequences()) == (0, 0)
    total = sum(row.net_quantity for row in reader.partitions())
    assert total == 1000 * len(ids)


def test_claims_of_many_partitions_in_any_order_do_not_block_each_other(
    ledgers: list[Ledger],
) -> None:
    """Rows are locked in key order, whatever the order of the claim: no deadlock, no loss."""
    books = [f"B{number:02d}" for number in range(15)]

    def work(number: int) -> Work:
        order = books[number:] + books[:number] if number % 2 else books[::-1]

        def rounds(ledger: Ledger) -> list[PartitionResult]:
            verdicts = []
            for turn in range(5):
                fence = turn * WORKERS + number + 1
                batch = [e for book in order for e in waiting_trades(fence, book)]
                verdicts += capture(ledger, *batch, fence=fence)
            return verdicts

        return rounds

    at_once(ledgers, [work(number) for number in range(WORKERS)])
    for book in books:
        rows = [row for row in trade_rows(ledgers[0]) if row.partition_key == partition_of(book)]
        assert [row.position for row in rows] == list(range(1, 5 * WORKERS + 1))
        assert shares(ledgers[0], partition_of(book)) == 1000 * len(rows)
