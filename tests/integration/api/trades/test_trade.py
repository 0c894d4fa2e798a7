"""`GET /trades/capture/{tradeId}`, the status of a trade."""

from urllib.parse import quote

import pytest

from tests.support.api.problems import problem_of
from tests.support.api.requests import LANES, Deployment, new_id, new_trade
from tests.support.builders import PARTITION, broken, partition_of, trade_json
from tradecapture.inbox import Inbox
from tradecapture.local.servers.server import wait_until
from tradecapture.settings import Settings
from tradecapture.trades.receipt import job_id_of

CAPTURE_SECONDS = 20.0  # until a trade has its outcome, on a machine that is busy with other tests


def test_waiting_trade_is_accepted(quiet: Deployment) -> None:
    """A waiting trade is ACCEPTED, with its partition, its position and its time of acceptance."""
    trade_id, body = new_trade(bookId="WAITING")
    quiet.submit(body)
    answer = quiet.trade(trade_id)
    assert answer.status_code == 200
    waiting = answer.json()
    assert waiting.pop("acceptedAt").endswith("Z")
    assert waiting == {
        "tradeId": trade_id,
        "status": "ACCEPTED",
        "partitionKey": partition_of("WAITING"),
        "position": 1,
    }


@pytest.mark.workers
def test_captured_trade_has_its_place_in_the_ledger(fleet: Deployment) -> None:
    """A captured trade has its ledger sequence, time, task and document."""
    answers = []
    for _ in range(2):
        _, body = new_trade(bookId="SEQUENCE")
        answers.append((body, fleet.submit(body, Prefer="wait=30").json()))
    for number, (body, answer) in enumerate(answers, start=1):
        assert answer["status"] == "CAPTURED"
        assert answer["partitionKey"] == partition_of("SEQUENCE")
        assert answer["position"] == answer["ledgerSequence"] == number
        assert answer["capturedAt"] >= answer["acceptedAt"]
        assert len(answer["taskId"]) == 36
        assert trade_json(**answer["trade"]) == body
        assert "reason" not in answer


@pytest.mark.workers
def test_parked_trade_says_why(fleet: Deployment) -> None:
    """A trade that cannot be captured is PARKED, with the reason and its unreadable text."""
    trade_id = new_id()
    inbox = Inbox(fleet.redis, Settings(lanes=LANES))
    for lane in inbox.accept([broken(trade_id, "PARKED")]).lanes_to_ring:
        inbox.clear_bell(lane)  # so that the sweep rings it
    assert wait_until(lambda: fleet.trade(trade_id).json()["status"] != "ACCEPTED", CAPTURE_SECONDS)
    answer = fleet.trade(trade_id).json()
    assert answer["status"] == "PARKED"
    assert answer["reason"]
    assert answer["trade"] == '{"tradeId": '
    job = fleet.http.get(f"/api/v1/trades/jobs/{job_id_of(trade_id)}/status").json()
    assert (job["status"], job["progress"]) == ("FAILED", 100)
    assert job["error"] == answer["reason"]


@pytest.mark.parametrize(
    "trade_id",
    [
        "a/b",
        "a//b/",
        "batch",
        "job 1",
        "100%",
        "%41",
        "a?b=c#d",
        "\u65e5\u672c \U0001f600",
        "..a",
        "x" * 100,
        'quo"te\\',
    ],
)
def test_every_trade_id_can_be_asked_for(quiet: Deployment, trade_id: str) -> None:
    """Every valid trade id, percent-encoded, is an address, and so is its job's id."""
    response = quiet.submit(trade_json(tradeId=trade_id))
    assert response.status_code == 202
    assert response.json()["partitionKey"] == PARTITION
    status_response = quiet.trade(quote(trade_id, safe=""))
    assert status_response.status_code == 200, status_response.text
    assert status_response.json()["tradeId"] == trade_id
    assert quiet.http.get(response.json()["statusUrl"]).json()["jobId"] == response.json()["jobId"]


@pytest.mark.parametrize("name", ["unknown", "%00", "%FF", "x" * 101, "%20", "a%0Ab", "%ED%A0%80"])
def test_unknown_trade_is_not_found(quiet: Deployment, name: str) -> None:
    """An id that was never accepted, or is not valid, is a 404 problem."""
    problem_of(quiet.trade(name), 404, "NOT_FOUND")
