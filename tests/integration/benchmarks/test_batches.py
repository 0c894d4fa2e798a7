"""Reading the answer to a batch: what it says of each trade."""

import msgspec
import pytest

from benchmarks.performance.full_day.batches import Reply, read_reply

TRADES = [b"1", b"2", b"3", b"4"]


def result(index: int, status: str, **fields: object) -> dict[str, object]:
    """Return the result of one trade."""
    return {"index": index, "tradeId": str(index), "status": status, **fields}


def answer(*results: dict[str, object], job_id: str | None = "batch-1") -> bytes:
    """Return the body of an answer."""
    return msgspec.json.encode({"jobId": job_id, "results": results})


def test_trades_without_room_are_sent_again_when_the_answer_says() -> None:
    """Trades without room are sent again in order, after the longest time of all."""
    body = answer(
        result(0, "ACCEPTED"),
        result(1, "REFUSED", code="PARTITION_BACKLOG_FULL", retryAfterSeconds=3),
        result(2, "REFUSED", code="VALIDATION_ERROR", message="$.tradeId: is missing"),
        result(3, "REFUSED", code="BACKLOG_FULL", retryAfterSeconds=7),
    )
    reply = read_reply(202, body, TRADES, wait_seconds=1.0)
    assert (reply.job_id, reply.accepted, reply.refused) == ("batch-1", 1, 1)
    assert (reply.again, reply.seconds) == ([b"2", b"4"], 7)
    assert "$.tradeId: is missing" in reply.problem


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_batch_that_was_not_taken_is_sent_again_after_its_time(status: int) -> None:
    """The whole batch is sent again, even if a load balancer answers without JSON."""
    for body in (b'{"detail":"later"}', b"<html>"):
        reply = read_reply(status, body, TRADES, wait_seconds=2.0)
        assert (reply.again, reply.seconds, reply.accepted) == (TRADES, 2.0, 0)


def test_a_batch_that_is_wrong_as_a_whole_is_refused() -> None:
    """A batch that is wrong as a whole is not sent again."""
    reply = read_reply(400, b'{"detail":"too large"}', TRADES, wait_seconds=2.0)
    assert reply == Reply(refused=4, problem="answered 400: too large")


def test_accepted_trades_without_a_job_are_sent_again_for_one() -> None:
    """Accepted trades without a job cannot be counted, so they are sent again for one."""
    body = answer(*(result(index, "ACCEPTED") for index in range(4)), job_id=None)
    reply = read_reply(202, body, TRADES, wait_seconds=2.0)
    assert (reply.again, reply.accepted) == (TRADES, 0)
