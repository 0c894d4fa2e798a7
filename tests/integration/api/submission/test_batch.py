"""`POST /trades/capture/batch`, which answers each trade or refuses the whole batch."""

from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import BATCH, JSON, NDJSON, Deployment, new_trade
from tests.support.builders import partition_of, trade_json
from tradecapture.api.submission.batch_reader import MAX_BATCH_TRADES
from tradecapture.local.servers.server import wait_until

CAPTURE_SECONDS = 20.0


def as_array(bodies: Iterable[bytes]) -> bytes:
    """Return trades as a JSON array."""
    return b"[" + b",".join(bodies) + b"]"


def post(deployment: Deployment, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """Submit a batch."""
    return deployment.http.post(BATCH, content=body, headers=headers)


def accepted_so_far(deployment: Deployment) -> int:
    """Return how many trades a deployment has ever accepted."""
    return sum(partition.accepted for partition in deployment.inbox.partitions())


@pytest.mark.parametrize("media", [JSON, NDJSON], ids=["array", "ndjson"])
def test_each_trade_has_its_result(quiet: Deployment, media: dict[str, str]) -> None:
    """Valid trades are accepted in order; invalid and conflicting ones have the reason."""
    book = f"BATCH-{len(media['Content-Type'])}"
    (first, one), (third, three) = new_trade(bookId=book), new_trade(bookId=book)
    invalid, conflict = trade_json(tradeId="X", source="FAX"), one.replace(b"CP1", b"CP2")
    bodies = [one, invalid, three, b" " + one, conflict]
    body = as_array(bodies) if media is JSON else b"\n".join(bodies)
    response = post(quiet, body, media)
    assert response.status_code == 202
    answer = response.json()
    assert answer["status"] == "ACCEPTED"
    assert (answer["totalTrades"], answer["acceptedTrades"], answer["refusedTrades"]) == (5, 3, 2)
    results = answer["results"]
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert [result["tradeId"] for result in results] == [first, "X", third, first, first]
    assert [result.get("position") for result in results] == [1, None, 2, 1, None]
    assert [result.get("duplicate") for result in results] == [False, None, False, True, None]
    assert results[0]["partitionKey"] == partition_of(book)
    assert quiet.http.get(f"/api/v1/trades/jobs/{results[0]['jobId']}/status").is_success
    assert results[1]["status"] == results[4]["status"] == "REFUSED"
    assert (results[1]["code"], paths(results[1])) == ("VALIDATION_ERROR", ["$.source"])
    assert results[4]["code"] == "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD"
    assert "counterpartyIds" in results[4]["message"]


def test_documents_are_kept_byte_for_byte(quiet: Deployment) -> None:
    """Each trade of an array is stored exactly as sent, with its white space and digits."""
    trade_id, body = new_trade()
    document = b'{ "extra" : [1.10,\n 0.0] ,' + body[1:]
    post(quiet, b"[\n " + document + b" ]", JSON)
    seen = quiet.inbox.accepted_trade(trade_id)
    assert seen is not None
    entry = quiet.inbox.entry(seen.partition_key, seen.position)
    assert entry is not None
    assert entry.submission.document == document


def test_broken_line_is_refused_alone(quiet: Deployment) -> None:
    """A broken line is refused by its number; blank lines are skipped, the others accepted."""
    (first, one), (second, two) = new_trade(), new_trade()
    body = b"\r\n" + one + b"\r\n\n{broken\n" + b"[" * 5000 + b"\n" + two
    answer = post(quiet, body, NDJSON).json()
    assert [(r["line"], r["tradeId"], r["status"]) for r in answer["results"]] == [
        (2, first, "ACCEPTED"),
        (4, None, "REFUSED"),
        (5, None, "REFUSED"),
        (6, second, "ACCEPTED"),
    ]
    assert paths(answer["results"][1]) == ["$"]


@pytest.mark.parametrize("media", [JSON, NDJSON], ids=["array", "ndjson"])
def test_one_trade_too_many_refuses_all(quiet: Deployment, media: dict[str, str]) -> None:
    """A batch of 10,001 trades is a 400 that names the limit; no trade is accepted."""
    before = accepted_so_far(quiet)
    bodies = [trade_json(tradeId=f"M-{number}") for number in range(MAX_BATCH_TRADES + 1)]
    body = as_array(bodies) if media is JSON else b"\n".join(bodies)
    problem = problem_of(post(quiet, body, media), 400, "BATCH_TOO_LARGE")
    assert "10000" in problem["detail"]
    assert accepted_so_far(quiet) == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "INVALID_BATCH"),
        (b"[", "INVALID_BATCH"),
        (b"{}", "INVALID_BATCH"),
        (b'"x"', "INVALID_BATCH"),
        (b"[1,]", "INVALID_BATCH"),
        (b"[1] 2", "INVALID_BATCH"),
        (b"[" * 100_000, "INVALID_BATCH"),
        (b" [ ] ", "EMPTY_BATCH"),
        (b"[" + b"1," * 5_000_000 + b"1]", "BATCH_TOO_LARGE"),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(quiet: Deployment, body: bytes, code: str) -> None:
    """A body that is not an array, or is empty, broken or too large, is a 400."""
    problem_of(post(quiet, body, JSON), 400, code)


def test_blank_lines_are_no_batch(quiet: Deployment) -> None:
    """NDJSON without a trade is 400."""
    problem_of(post(quiet, b"\n \r\n\n", NDJSON), 400, "EMPTY_BATCH")


def test_batch_without_a_valid_trade_is_refused(quiet: Deployment) -> None:
    """A batch without a valid trade is a 400 with the result of each trade."""
    problem = problem_of(post(quiet, b"[1, {}]", JSON), 400, "VALIDATION_ERROR")
    results: list[dict[str, Any]] = problem["results"]
    assert [result["status"] for result in results] == ["REFUSED", "REFUSED"]
    assert paths(results[0]) == ["$"]
    assert "$.tradeId" in paths(results[1])


def test_trade_over_the_size_limit_is_refused_alone(quiet: Deployment) -> None:
    """A trade over the size limit is refused; the other trades of the batch are accepted."""
    _, large = new_trade(metadata={"text": "x" * 300_000})
    answer = post(quiet, as_array([large, new_trade()[1]]), JSON).json()
    assert [result["status"] for result in answer["results"]] == ["REFUSED", "ACCEPTED"]
    assert "262144 bytes" in answer["results"][0]["message"]


def test_headers_are_checked_before_anything_is_accepted(quiet: Deployment) -> None:
    """An invalid callback URL or another media type refuses the whole batch."""
    _, body = new_trade()
    response = post(quiet, as_array([body]), JSON | {"X-Callback-Url": "nowhere"})
    assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["X-Callback-Url"]
    response = post(quiet, as_array([body]), {"Content-Type": "text/csv"})
    assert "application/x-ndjson" in problem_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")["detail"]


def test_batch_job_waits_without_workers(quiet: Deployment) -> None:
    """A batch job is PENDING while nothing is captured, and expires with the window."""
    answer = post(quiet, as_array([new_trade()[1], b"1"]), JSON).json()
    assert answer["statusUrl"] == f"/api/v1/trades/jobs/{answer['jobId']}/status"
    job = quiet.http.get(answer["statusUrl"]).json()
    assert job["jobId"] == answer["jobId"]
    assert (job["status"], job["progress"], job["error"]) == ("PENDING", 0, None)
    assert job["createdAt"] <= job["updatedAt"]
    assert job["result"] == {
        "acceptedTrades": 1,
        "refusedTrades": 1,
        "endedTrades": 0,
        "outcomes": {},
    }
    assert 86_000 < quiet.redis.ttl(f"tc:job:{answer['jobId']}") <= 86_400


@pytest.mark.workers
def test_batch_is_captured_in_order_and_its_job_completes(fleet: Deployment) -> None:
    """300 trades are captured in the order sent, their job completes, and a resend has its id."""
    trades = [new_trade(bookId="LINES") for _ in range(300)]
    body = b"\n".join(document for _, document in trades)
    answer = post(fleet, body, NDJSON).json()

    def job() -> dict[str, Any]:
        document: dict[str, Any] = fleet.http.get(answer["statusUrl"]).json()
        assert document["status"] in ("PENDING", "PROCESSING", "COMPLETED")
        return document

    assert wait_until(lambda: job()["status"] == "COMPLETED", CAPTURE_SECONDS)
    assert job()["progress"] == 100
    assert job()["result"]["outcomes"] == {"CAPTURED": 300}
    sequences = [fleet.trade(trade_id).json()["ledgerSequence"] for trade_id, _ in trades[::50]]
    assert sequences == [1, 51, 101, 151, 201, 251]
    again = post(fleet, body, NDJSON).json()
    assert again["jobId"] == answer["jobId"]
    assert all(result["duplicate"] for result in again["results"])
