"""Sequence numbers over HTTP: accepted, buffered or rejected, as the HTTP contract says."""

from typing import Any

import pytest
from redis import Redis

from tests.support.api.api_in_process import Operated, operated
from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import BATCH, CAPTURE, JSON
from tests.support.builders import submission, trade_json
from tests.support.capture.worker import ONE
from tradecapture.settings import Settings

WINDOW = Settings().sequence_window


def body_of(trade_id: str, number: object) -> bytes:
    """Return the JSON of a trade of one partition; a number of None is left out."""
    return trade_json(
        tradeId=trade_id, bookId="B1", **({} if number is None else {"sequenceNumber": number})
    )


def submit(desk: Operated, number: object, trade_id: str = "", wait: int = 0) -> dict[str, Any]:
    """Submit a trade with a sequence number, check that it is safe, and return the response."""
    headers = JSON | ({"Prefer": f"wait={wait}"} if wait else {})
    body = body_of(trade_id or f"N{number}", number)
    response = desk.http.post(CAPTURE, content=body, headers=headers)
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    return answer


def statuses(desk: Operated, *numbers: object) -> list[str]:
    """Submit trades and return the status of each response."""
    return [submit(desk, number)["status"] for number in numbers]


def trade(desk: Operated, trade_id: str) -> dict[str, Any]:
    """Return what became of a trade."""
    found: dict[str, Any] = desk.http.get(f"{CAPTURE}/{trade_id}").json()
    return found


def test_numbers_are_answered_as_the_contract_says(desk: Operated) -> None:
    """In an empty partition 1 and 2 are in order and 5 is ahead; others are rejected."""
    assert statuses(desk, 1, 2, 5) == ["ACCEPTED", "ACCEPTED", "BUFFERED"]
    assert submit(desk, 2, "again")["status"] == "REJECTED"
    assert statuses(desk, 2 + WINDOW + 1) == ["REJECTED"]
    assert statuses(desk, 2 + WINDOW) == ["BUFFERED"]
    assert statuses(desk, None) == ["ACCEPTED"]


def test_an_answer_says_what_it_means(desk: Operated) -> None:
    """The message names the missing number, or says why this one is rejected."""
    submit(desk, 1)
    assert "waits for 2, and is captured after it" in submit(desk, 3)["message"]
    assert "will be recorded as rejected" in (passed := submit(desk, 1, "again"))["message"]
    assert "1 was passed: the partition is at 1" in passed["message"]


def test_the_ledger_decides_as_was_answered(desk: Operated) -> None:
    """A status and a job follow a trade from its acceptance to its outcome."""
    answers = {number: submit(desk, number) for number in (1, 2, 5)}
    passed = submit(desk, 2, "again")
    assert {trade(desk, f"N{number}")["status"] for number in answers} == {"ACCEPTED"}
    desk.worker.drain()
    found = [trade(desk, trade_id) for trade_id in ("N1", "N2", "N5", "again")]
    assert [each["status"] for each in found] == ["CAPTURED", "CAPTURED", "BUFFERED", "REJECTED"]
    assert "sequence number 2" in found[3]["reason"]
    jobs = [desk.http.get(answer["statusUrl"]).json() for answer in (answers[5], passed)]
    assert [(job["status"], job["progress"]) for job in jobs] == [("PENDING", 0), ("FAILED", 100)]
    assert "lower numbers" in jobs[0]["message"]


@pytest.mark.parametrize("order", [(3, 4), (4, 3)])
def test_missing_numbers_are_captured_first_and_their_followers_after(
    desk: Operated, order: tuple[int, int]
) -> None:
    """In any order of arrival, the ledger has the trades in the order of their numbers."""
    for number in (1, 2, 6, 5, *order):
        submit(desk, number)
        desk.worker.drain()
    assert desk.worker.captured() == {ONE: [f"N{number}" for number in range(1, 7)]}
    found = [trade(desk, f"N{number}") for number in range(1, 7)]
    assert [each["ledgerSequence"] for each in found] == [1, 2, 3, 4, 5, 6]
    assert {each["status"] for each in found} == {"CAPTURED"}
    desk.worker.assert_all_is_accounted_for()


def test_a_resend_is_answered_as_the_first_time(desk: Operated) -> None:
    """It gets its first status and job, whether it is buffered or captured."""
    submit(desk, 1)
    first = submit(desk, 3)
    for number in (None, 2):
        response = desk.http.post(CAPTURE, content=body_of("N3", 3), headers=JSON)
        assert (response.status_code, response.headers["idempotency-status"]) == (202, "duplicate")
        again = response.json()
        assert (again["status"], again["jobId"]) == ("BUFFERED", first["jobId"])
        if number is not None:
            submit(desk, number)
        desk.worker.drain()
    assert trade(desk, "N3")["status"] == "CAPTURED"
    assert desk.worker.captured() == {ONE: ["N1", "N2", "N3"]}


def test_each_trade_of_a_batch_has_its_status(desk: Operated) -> None:
    """The results are in the order of the batch; those out of order have a message."""
    numbers = [1, 4, 2, 2, 3 + WINDOW, None]
    bodies = [body_of(f"T{place}", number) for place, number in enumerate(numbers)]
    response = desk.http.post(BATCH, content=b"[" + b",".join(bodies) + b"]", headers=JSON)
    assert response.status_code == 202
    answer = response.json()
    assert [result["status"] for result in answer["results"]] == [
        *("ACCEPTED", "BUFFERED", "ACCEPTED", "REJECTED", "REJECTED", "ACCEPTED")
    ]
    assert ["message" in result for result in answer["results"]] == [
        *(False, True, False, True, True, False)
    ]
    assert (answer["acceptedTrades"], answer["refusedTrades"]) == (6, 0)
    desk.worker.drain()
    job = desk.http.get(answer["statusUrl"]).json()
    assert job["result"]["outcomes"] == {"CAPTURED": 3, "REJECTED": 2}
    assert (job["status"], job["result"]["endedTrades"]) == ("PROCESSING", 5)


def test_a_wait_for_a_buffered_trade_ends_with_its_status(desk: Operated) -> None:
    """Buffered is no outcome: the response is 202 after the preferred wait."""
    submit(desk, 2)
    desk.worker.drain()
    assert submit(desk, 2, wait=1)["status"] == "BUFFERED"


def test_buffered_trades_survive_a_restart_of_everything(
    redis: "Redis", ledger_settings: Settings
) -> None:
    """The ledger has them, even if Redis comes back empty."""
    with operated(redis, ledger_settings) as desk:
        assert statuses(desk, 1, 3, 4) == ["ACCEPTED", "BUFFERED", "BUFFERED"]
        desk.worker.drain()
    redis.flushall()
    with operated(redis, ledger_settings) as desk:
        assert trade(desk, "N4")["status"] == "BUFFERED"
        assert desk.look(ONE)["gap"]["missingFrom"] == 2
        submit(desk, 2)
        desk.worker.drain()
        assert desk.worker.captured() == {ONE: ["N1", "N2", "N3", "N4"]}
        # From then on answers are right again too.
        assert statuses(desk, 5, 7) == ["ACCEPTED", "BUFFERED"]


@pytest.mark.parametrize("number", [0, -1, "5", 1.5, True, 2**63])
def test_what_is_no_number_of_upstream_is_refused(desk: Operated, number: object) -> None:
    """400 with its path; nothing of the trade is stored."""
    response = desk.http.post(CAPTURE, content=body_of("T-1", number), headers=JSON)
    problem = problem_of(response, 400, "VALIDATION_ERROR")
    assert paths(problem) == ["$.sequenceNumber"]


def test_a_number_that_is_rejected_may_come_again_under_another_id(desk: Operated) -> None:
    """A trade that was too far ahead is accepted under another id when its turn is near."""
    far = 2 + WINDOW
    submit(desk, far, "too-early")
    desk.worker.drain()
    assert trade(desk, "too-early")["status"] == "REJECTED"
    desk.worker.accept(*(submission(f"N{n}", "B1", sequenceNumber=n) for n in range(1, far)))
    desk.worker.drain()
    assert submit(desk, far, "in-time")["status"] == "ACCEPTED"
    desk.worker.drain()
    assert trade(desk, "in-time")["ledgerSequence"] == far
