"""The usual way to capture: one Celery task a trade, with a lock and a transaction.

This is the baseline of the benchmark, written as well as possible: the same trades, tables and
rules as the fleet; prefork, prefetch tuned for short tasks, late acknowledgement, no result
backend, one pooled connection a process, one redis-py lock a partition with a blocking wait, and a
retry with exponential backoff if the lock is not free in time.
"""

import os
import uuid
from datetime import UTC, date, datetime
from functools import cache

from celery import Celery, Task
from redis import Redis
from sqlalchemy import Connection, Engine, create_engine, insert, select, update

from tradecapture.ledger.rows import PartitionRow, new_partition
from tradecapture.ledger.schema.tables import partitions, trades
from tradecapture.trades.document import decode
from tradecapture.trades.holding import Tally, encode_sums
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission, read_submission
from tradecapture.trades.validation import validate

QUEUE = "usual.trades"
LOCK_SECONDS = 30  # expiry of a lock; longer than any capture
LOCK_TIMEOUT_SECONDS = 5  # how long to wait for a lock; then the task is retried
LOCK_POLL_INTERVAL_SECONDS = 0.005  # about as long as a capture takes
PREFETCH = 4  # tasks that a process reserves beside the running one; tasks are short

app = Celery("usual_way", broker=os.environ.get("TRADECAPTURE_REDIS_URL"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_default_queue=QUEUE,
    worker_prefetch_multiplier=PREFETCH,
    broker_transport_options={"priority_steps": [0]},
    broker_connection_retry_on_startup=True,
    worker_send_task_events=False,
)


@cache
def database() -> Engine:
    """Return this process's engine, made after the fork."""
    url = os.environ["TRADECAPTURE_DATABASE_URL"]
    return create_engine(url, pool_size=1, max_overflow=0)


@cache
def redis() -> "Redis":
    """Return this process's Redis client."""
    return Redis.from_url(os.environ["TRADECAPTURE_REDIS_URL"])


@app.task(name="usual.capture", bind=True, max_retries=None)
def capture(task: Task, body: str, position: int) -> None:
    """Capture one trade under its partition's lock."""
    submission = read_submission(body.encode(), datetime.now(UTC).date())
    assert isinstance(submission, Submission)
    lock = redis().lock(
        f"usual:lock:{submission.partition_key}",
        timeout=LOCK_SECONDS,
        sleep=LOCK_POLL_INTERVAL_SECONDS,
    )
    if not lock.acquire(blocking_timeout=LOCK_TIMEOUT_SECONDS):
        raise task.retry(countdown=min(10, 0.1 * 2**task.request.retries))
    try:
        with database().begin() as connection:
            _write(connection, submission, position, task.request.id or str(uuid.uuid4()))
    finally:
        lock.release()


def _write(connection: Connection, submission: Submission, position: int, task_id: str) -> None:
    existing = select(trades.c.digest).where(trades.c.trade_id == submission.trade_id)
    if connection.execute(existing).first() is not None:
        return
    now = datetime.now(UTC)
    row = _locked_row(connection, submission.partition_key, now)
    trade, _problems = validate(decode(submission.document), now.date())
    assert trade is not None
    trade_date = date.fromisoformat(trade.trade_date)
    tally = Tally(row.holding)
    tally.add(trade.trade_lots, trade_date)
    holding = tally.holding()
    connection.execute(
        insert(trades).values(
            trade_id=submission.trade_id,
            partition_key=submission.partition_key,
            ledger_sequence=row.last_sequence + 1,
            epoch=1,
            position=position,
            digest=submission.digest,
            outcome=Outcome.CAPTURED.value,
            trade_date=trade_date,
            accepted_at=now,
            captured_at=now,
            task_id=task_id,
            correlation_id="",
            document=submission.document.decode(),
        )
    )
    connection.execute(
        update(partitions)
        .where(partitions.c.partition_key == submission.partition_key)
        .values(
            last_sequence=row.last_sequence + 1,
            last_position=position,
            net_quantity=holding.net_quantity,
            quantities=encode_sums(holding.quantities),
            notionals=encode_sums(holding.notionals),
            last_trade_date=holding.last_trade_date,
            updated_at=now,
        )
    )


def _locked_row(connection: Connection, partition_key: PartitionKey, now: datetime) -> PartitionRow:
    statement = (
        select(*(partitions.c[name] for name in PartitionRow._fields))
        .where(partitions.c.partition_key == partition_key)
        .with_for_update()
    )
    existing = connection.execute(statement).first()
    if existing is not None:
        return PartitionRow._make(existing)
    row = new_partition(partition_key, now)
    connection.execute(insert(partitions).values(row._asdict()))
    return row
