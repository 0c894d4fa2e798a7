"""Trades with sequence numbers, which the API accepts, buffers or rejects."""

from typing import Any

import pytest
from redis import Redis

from tests.support.api.api_in_process import InProcessApi, run_in_process
from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import BATCH, CAPTURE, JSON
from tests.support.builders import submission, trade_json
from tests.support.capture.worker import ONE
from tradecapture.settings import Settings

WINDOW = Settings().sequence_window


def body_of(trade_id: str, number: object) -> bytes:
    """Return the JSON of a trade of one partition; None leaves the number out."""
    return trade_json(
        tradeId=trade_id, bookId="B1", **({} if number is None else {"sequenceNumber": number})
    )


def submit(
    in_process_api: InProcessApi, number: object, trade_id: str = "", wait: int = 0
) -> dict[str, Any]:
    """Submit a trade with a sequence number, check for 202, and return the response."""
    headers = JSON | ({"Prefer": f"wait={wait}"} if wait else {})
    body = body_of(trade_id or f"N{number}", number)
    response = in_process_api.http.post(CAPTURE, content=body, headers=headers)
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    return answer


def statuses(in_process_api: InProcessApi, *numbers: object) -> list[str]:
    """Submit trades and return the status of each response."""
    return [submit(in_process_api, number)["status"] for number in numbers]


def trade(in_process_api: InProcessApi, trade_id: str) -> dict[str, Any]:
    """Return the status document of a trade."""
    status: dict[str, Any] = in_process_api.http.get(f"{CAPTURE}/{trade_id}").json()
    return status


def test_numbers_are_answered_as_the_contract_says(in_process_api: InProcessApi) -> None:
    """Numbers in order are ACCEPTED, those in the window BUFFERED, all others REJECTED."""
    assert statuses(in_process_api, 1, 2, 5) == ["ACCEPTED", "ACCEPTED", "BUFFERED"]
    assert submit(in_process_api, 2, "again")["status"] == "REJECTED"
    assert statuses(in_process_api, 2 + WINDOW + 1) == ["REJECTED"]
    assert statuses(in_process_api, 2 + WINDOW) == ["BUFFERED"]
    assert statuses(in_process_api, None) == ["ACCEPTED"]


def test_an_answer_says_what_it_means(in_process_api: InProcessApi) -> None:
    """The message of a response names the missing number, or why the trade is rejected."""
    submit(in_process_api, 1)
    assert "waits for 2, and is captured after it" in submit(in_process_api, 3)["message"]
    assert (
        "will be recorded as rejected" in (passed := submit(in_process_api, 1, "again"))["message"]
    )
    assert "1 was passed: the partition is at 1" in passed["message"]


def test_the_ledger_decides_as_was_answered(in_process_api: InProcessApi) -> None:
    """The outcome in the ledger is the status that the API had answered at acceptance."""
    answers = {number: submit(in_process_api, number) for number in (1, 2, 5)}
    passed = submit(in_process_api, 2, "again")
    assert {trade(in_process_api, f"N{number}")["status"] for number in answers} == {"ACCEPTED"}
    in_process_api.worker.drain()
    documents = [trade(in_process_api, trade_id) for trade_id in ("N1", "N2", "N5", "again")]
    assert [document["status"] for document in documents] == [
        "CAPTURED",
        "CAPTURED",
        "BUFFERED",
        "REJECTED",
    ]
    assert "sequence number 2" in documents[3]["reason"]
    jobs = [in_process_api.http.get(answer["statusUrl"]).json() for answer in (answers[5], passed)]
    assert [(job["status"], job["progress"]) for job in jobs] == [("PENDING", 0), ("FAILED", 100)]
    assert "lower numbers" in jobs[0]["message"]


@pytest.mark.parametrize("order", [(3, 4), (4, 3)])
def test_missing_numbers_are_captured_first_and_their_followers_after(
    in_process_api: InProcessApi, order: tuple[int, int]
) -> None:
    """The ledger has the trades in the order of their numbers, in whatever order they arrive."""
    for number in (1, 2, 6, 5, *order):
        submit(in_process_api, number)
        in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {ONE: [f"N{number}" for number in range(1, 7)]}
    documents = [trade(in_process_api, f"N{number}") for number in range(1, 7)]
    assert [document["ledgerSequence"] for document in documents] == [1, 2, 3, 4, 5, 6]
    assert {document["status"] for document in documents} == {"CAPTURED"}
    in_process_api.worker.assert_all_is_accounted_for()


def test_a_resend_is_answered_as_the_first_time(in_process_api: InProcessApi) -> None:
    """A resend gets the first status and job, whether the trade is buffered or captured."""
    submit(in_process_api, 1)
    first = submit(in_process_api, 3)
    for number in (None, 2):
        response = in_process_api.http.post(CAPTURE, content=body_of("N3", 3), headers=JSON)
        assert (response.status_code, response.headers["idempotency-status"]) == (202, "duplicate")
        again = response.json()
        assert (again["status"], again["jobId"]) == ("BUFFERED", first["jobId"])
        if number is not None:
            submit(in_process_api, number)
        in_process_api.worker.drain()
    assert trade(in_process_api, "N3")["status"] == "CAPTURED"
    assert in_process_api.worker.captured() == {ONE: ["N1", "N2", "N3"]}


def test_each_trade_of_a_batch_has_its_status(in_process_api: InProcessApi) -> None:
    """A batch has a status for each trade, and a message for those that are out of order."""
    numbers = [1, 4, 2, 2, 3 + WINDOW, None]
    bodies = [body_of(f"T{index}", number) for index, number in enumerate(numbers)]
    response = in_process_api.http.post(
        BATCH, content=b"[" + b",".join(bodies) + b"]", headers=JSON
    )
    assert response.status_code == 202
    answer = response.json()
    assert [result["status"] for result in answer["results"]] == [
        *("ACCEPTED", "BUFFERED", "ACCEPTED", "REJECTED", "REJECTED", "ACCEPTED")
    ]
    assert ["message" in result for result in answer["results"]] == [
        *(False, True, False, True, True, False)
    ]
    assert (answer["acceptedTrades"], answer["refusedTrades"]) == (6, 0)
    in_process_api.worker.drain()
    job = in_process_api.http.get(answer["statusUrl"]).json()
    assert job["result"]["outcomes"] == {"CAPTURED": 3, "REJECTED": 2}
    assert (job["status"], job["result"]["endedTrades"]) == ("PROCESSING", 5)


def test_a_wait_for_a_buffered_trade_ends_with_its_status(in_process_api: InProcessApi) -> None:
    """A buffered trade has no outcome yet, so the preferred wait ends with a 202."""
    submit(in_process_api, 2)
    in_process_api.worker.drain()
    assert submit(in_process_api, 2, wait=1)["status"] == "BUFFERED"


def test_buffered_trades_survive_a_restart_of_everything(
    redis: "Redis", ledger_settings: Settings
) -> None:
    """Buffered trades are in the ledger, so they are captured even if Redis comes back empty."""
    with run_in_process(redis, ledger_settings) as in_process_api:
        assert statuses(in_process_api, 1, 3, 4) == ["ACCEPTED", "BUFFERED", "BUFFERED"]
        in_process_api.worker.drain()
    redis.flushall()
    with run_in_process(redis, ledger_settings) as in_process_api:
        assert trade(in_process_api, "N4")["status"] == "BUFFERED"
        assert in_process_api.partition(ONE)["gap"]["missingFrom"] == 2
        submit(in_process_api, 2)
        in_process_api.worker.drain()
        assert in_process_api.worker.captured() == {ONE: ["N1", "N2", "N3", "N4"]}
        # After that the API answers new numbers correctly again.
        assert statuses(in_process_api, 5, 7) == ["ACCEPTED", "BUFFERED"]


@pytest.mark.parametrize("number", [0, -1, "5", 1.5, True, 2**63])
def test_what_is_no_number_of_upstream_is_refused(
    in_process_api: InProcessApi, number: object
) -> None:
    """An invalid sequence number is a 400 with its path."""
    response = in_process_api.http.post(CAPTURE, content=body_of("T-1", number), headers=JSON)
    problem = problem_of(response, 400, "VALIDATION_ERROR")
    assert paths(problem) == ["$.sequenceNumber"]


def test_a_number_that_is_rejected_may_come_again_under_another_id(
    in_process_api: InProcessApi,
) -> None:
    """A number that was rejected as too far ahead is accepted later under another trade id."""
    far = 2 + WINDOW
    submit(in_process_api, far, "too-early")
    in_process_api.worker.drain()
    assert trade(in_process_api, "too-early")["status"] == "REJECTED"
    in_process_api.worker.accept(
        *(submission(f"N{n}", "B1", sequenceNumber=n) for n in range(1, far))
    )
    in_process_api.worker.drain()
    assert submit(in_process_api, far, "in-time")["status"] == "ACCEPTED"
    in_process_api.worker.drain()
    assert trade(in_process_api, "in-time")["ledgerSequence"] == far
