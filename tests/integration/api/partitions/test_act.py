"""`POST /partitions/{key}/{action}`, an operator's actions on a partition."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from tests.support.api.api_in_process import (
    PARTITIONS,
    RESPONSE_TIMEOUT_SECONDS,
    InProcessApi,
    run_in_process,
    serving,
)
from tests.support.api.problems import check_unavailable, paths, problem_of
from tests.support.api.requests import JSON
from tests.support.builders import broken, submission, submissions
from tests.support.capture.worker import ONE, TWO, Worker, ids
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything
from tests.support.ledger.ledger_snapshot import contents
from tradecapture.inbox import Claim, Hold
from tradecapture.ledger import Ledger, PartitionResult
from tradecapture.ledger.queries.operator_reader import OperatorReader
from tradecapture.ledger.transaction import Clock
from tradecapture.local.servers.ports import free_port
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings

ACTIONS = ("pause", "resume", "retry", "skip", "release")


class OldRelease(Ledger):
    """A ledger that cannot capture trades whose id begins with `new-`."""

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        """Capture a claim; raise if it has a trade that this release does not know."""
        for claimed_partition in claim.partitions:
            for entry in claimed_partition.entries:
                if entry.submission.trade_id.startswith("new-"):
                    raise ValueError("what kind of trade is this?")
        return super().capture(claim, task_id, clock)


def numbered(*numbers: int) -> list[Any]:
    """Return submissions of one book that have these sequence numbers."""
    return [submission(f"N{number}", "B1", sequenceNumber=number) for number in numbers]


def audited(in_process_api: InProcessApi) -> list[tuple[str, str, str]]:
    """Return the audit as (who, action, partition), the oldest row first."""
    ledger = in_process_api.worker.ledger
    rows = OperatorReader(ledger.engine, ledger.dialect).audit(partition_key=None, limit=100)
    return [(row.who, row.action, row.partition_key) for row in reversed(rows)]


def states(in_process_api: InProcessApi) -> list[Any]:
    """Return the state of Redis and the ledger that an action without effect must not change."""
    redis = in_process_api.worker.inbox.redis
    changing = (KEYS.fence.encode(), KEYS.bell.encode())
    keys = {key: value for key, value in everything(redis).items() if key not in changing}
    return [keys, contents(in_process_api.worker.ledger), audited(in_process_api)]


def check_impossible(
    in_process_api: InProcessApi, partition: str, action: str, reason: str
) -> None:
    """Check that an action is refused with 409 and the reason, and changes nothing."""
    before = states(in_process_api)
    problem = problem_of(in_process_api.post_action(partition, action), 409, "NOT_POSSIBLE")
    assert reason in problem["detail"]
    assert states(in_process_api) == before


def test_a_paused_partition_accepts_and_captures_nothing(in_process_api: InProcessApi) -> None:
    """A resume lets the worker capture everything, in order; both actions are audited."""
    in_process_api.worker.accept(*submissions(1, "B1"), *submissions(1, "B2"))
    paused = in_process_api.perform(ONE, "pause", by="Zoë", why="prices")
    assert paused["done"] is True
    assert paused["partition"]["held"] == {"kind": "PAUSED", "who": "Zoë", "why": "prices"}
    in_process_api.worker.accept(*submissions(2, "B1", 2))
    in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {TWO: ids("B2", 1)}
    assert in_process_api.perform(ONE, "resume", by="bob", why="")["partition"]["held"] is None
    in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {ONE: ids("B1", 3), TWO: ids("B2", 1)}
    assert audited(in_process_api) == [("Zoë", "pause", ONE), ("bob", "resume", ONE)]
    in_process_api.worker.assert_all_is_accounted_for()


def test_a_skipped_trade_stays_parked_and_the_partition_goes_on(
    in_process_api: InProcessApi,
) -> None:
    """The answer names the trade; the trades after it are captured, in order."""
    worker = in_process_api.worker
    worker.accept(*submissions(1, "B1"), broken("poison", "B1"), *submissions(3, "B1", 2))
    worker.drain()
    assert in_process_api.partition(ONE)["held"]["kind"] == "HALTED"
    result = in_process_api.perform(ONE, "skip", why="it is nonsense")
    assert (result["tradeId"], result["outcome"], result["dryRun"]) == ("poison", "PARKED", False)
    assert (result["partition"]["held"], result["partition"]["waiting"]) == (None, 3)
    worker.drain()
    assert worker.captured() == {ONE: ids("B1", 4)}
    assert audited(in_process_api) == [("ann", "skip", ONE)]
    assert in_process_api.partition(ONE)["haltedBy"] is None
    worker.assert_all_is_accounted_for()


def test_a_retried_trade_is_captured_at_its_own_position(
    in_process_api: InProcessApi, ledger_settings: Settings
) -> None:
    """A retry answers with the outcome; the trades that waited are captured after it."""
    old = Worker(
        in_process_api.worker.inbox.redis, ledger_settings, ledger=OldRelease(ledger_settings)
    )
    sent = [*submissions(2, "B1"), submission("new-1", "B1"), *submissions(2, "B1", 3)]
    old.accept(*sent)
    old.drain()
    old.ledger.dispose()
    assert in_process_api.partition(ONE)["haltedBy"]["tradeId"] == "new-1"
    result = in_process_api.perform(ONE, "retry", why="")
    assert (result["tradeId"], result["outcome"], result["captured"]) == ("new-1", "CAPTURED", 1)
    assert result["partition"]["lastSequence"] == 3
    in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {ONE: [trade.trade_id for trade in sent]}
    in_process_api.worker.assert_all_is_accounted_for()


def test_a_retry_that_fails_says_why_and_keeps_the_halt(in_process_api: InProcessApi) -> None:
    """A failed retry is a 409 that names the error; it is audited and changes nothing else."""
    in_process_api.worker.accept(broken("poison", "B1"), *submissions(2, "B1"))
    in_process_api.worker.drain()
    problem = problem_of(in_process_api.post_action(ONE, "retry"), 409, "NOT_POSSIBLE")
    assert "still cannot be captured: DecodeError" in problem["detail"]
    partition = in_process_api.partition(ONE)
    assert (partition["held"]["kind"], partition["waiting"]) == ("HALTED", 2)
    assert partition["haltedBy"]["tradeId"] == "poison"
    assert audited(in_process_api) == [("ann", "retry", ONE)]


def test_a_released_gap_is_no_longer_waited_for(in_process_api: InProcessApi) -> None:
    """A release captures the buffered trades at once; the missing numbers count as passed."""
    worker = in_process_api.worker
    worker.accept(*numbered(1, 2, 5, 6, 9))
    worker.drain()
    result = in_process_api.perform(ONE, "release", why="3 and 4 were cancelled")
    assert (result["captured"], result["partition"]["upstreamNumber"]) == (2, 6)
    assert worker.captured() == {ONE: ["N1", "N2", "N5", "N6"]}
    gap = in_process_api.partition(ONE)["gap"]
    assert (gap["missingFrom"], gap["missingTo"], gap["buffered"]) == (7, 8, 1)
    worker.accept(*numbered(3, 7, 8))
    worker.drain()
    assert worker.captured() == {ONE: ["N1", "N2", "N5", "N6", "N7", "N8", "N9"]}
    assert audited(in_process_api) == [("ann", "release", ONE)]
    worker.assert_all_is_accounted_for()


def test_answers_after_a_release_count_from_the_new_number(in_process_api: InProcessApi) -> None:
    """After a release the next number is ACCEPTED, and a number that is passed is REJECTED."""
    in_process_api.worker.accept(*numbered(1, 2, 5))
    in_process_api.worker.drain()
    in_process_api.perform(ONE, "release")
    answers = {}
    for trade in numbered(4, 6, 8):
        answer = in_process_api.http.post(
            "/api/v1/trades/capture", content=trade.document, headers=JSON
        )
        answers[trade.sequence_number] = answer.json()["status"]
    assert answers == {4: "REJECTED", 6: "ACCEPTED", 8: "BUFFERED"}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("how", [{"dryRun": True}, "true"])
def test_a_dry_run_says_what_the_result_would_be(
    in_process_api: InProcessApi, action: str, how: object
) -> None:
    """A dry run, by the body or by the query, changes nothing and is not audited."""
    worker = in_process_api.worker
    if action == "release":
        worker.accept(*numbered(1, 5))
    elif action in ("skip", "retry"):
        worker.accept(broken("poison", "B1"), *submissions(1, "B1"))
    worker.drain()
    worker.accept(*submissions(3, "B1", 7))
    if action == "resume":
        in_process_api.perform(ONE, "pause")
    before = states(in_process_api)
    body = {"by": "ann", "why": "to see", **(how if isinstance(how, dict) else {})}
    query = {} if isinstance(how, dict) else {"dryRun": how}
    response = in_process_api.post_action(ONE, action, body, **query)
    if action == "retry":
        assert "still cannot" in problem_of(response, 409, "NOT_POSSIBLE")["detail"]
    else:
        result = response.json()
        assert (result["done"], result["dryRun"]) == (True, True), result
        assert result["message"].startswith("dry run, nothing was changed: ")
        assert result["captured"] == (1 if action == "release" else 0)
    assert states(in_process_api) == before


def test_what_is_not_possible_is_a_conflict_that_says_why(in_process_api: InProcessApi) -> None:
    """An action that the partition's state does not allow is a 409 and changes nothing."""
    in_process_api.worker.accept(*submissions(1, "B1"), broken("poison", "B2"))
    in_process_api.worker.drain()
    check_impossible(in_process_api, ONE, "resume", "not held")
    check_impossible(in_process_api, ONE, "retry", "not held")
    check_impossible(in_process_api, ONE, "skip", "pause it first")
    check_impossible(in_process_api, ONE, "release", "nothing to release")
    check_impossible(in_process_api, TWO, "resume", "retry or skip that")


def test_a_claimed_partition_is_waited_for_and_left_alone(
    redis: "Redis", ledger_settings: Settings
) -> None:
    """An action waits for a worker's claim, and after the length of a lease gives up with 409."""
    with run_in_process(redis, replace(ledger_settings, lease_seconds=0.5)) as in_process_api:
        in_process_api.worker.accept(*submissions(2, "B1"))
        slow_worker = Worker(redis, ledger_settings)
        claim = claimed(slow_worker.inbox)  # for 100 s
        in_process_api.perform(ONE, "pause")
        detail = problem_of(in_process_api.post_action(ONE, "skip"), 409, "NOT_POSSIBLE")["detail"]
        assert f"a worker has had a claim on {ONE}" in detail
        partition = in_process_api.partition(ONE)
        assert (partition["owner"], partition["waiting"]) == (claim.token, 2)
        slow_worker.ledger.dispose()


def test_everything_that_is_wrong_is_told_at_once(in_process_api: InProcessApi) -> None:
    """One 400 names every problem with its path; a misspelt `dryRun` performs nothing."""
    in_process_api.worker.accept(*submissions(1, "B1"))
    before = states(in_process_api)
    wrong: list[tuple[object, dict[str, Any], list[str]]] = [
        ({}, {}, ["$.by", "$.why"]),
        ({"by": "a:b", "why": " "}, {}, ["$.by", "$.why"]),
        ({"by": "", "why": "x\n"}, {}, ["$.by", "$.why"]),
        ({"by": "a" * 101, "why": "x" * 501}, {}, ["$.by", "$.why"]),
        ({"by": 7, "why": None, "dryRun": 1}, {}, ["$.by", "$.dryRun", "$.why"]),
        ({"by": "ann", "why": "x", "dry_run": True}, {}, ["$.dry_run"]),
        ({"by": "ann", "why": "x"}, {"dryRun": "yes"}, ["dryRun"]),
        ({"by": "ann", "why": ""}, {"dryrun": "true"}, ["$.why", "dryrun"]),
        ([], {}, ["$"]),
        ("ann", {}, ["$"]),
    ]
    for body, query, expected in wrong:
        problem = problem_of(
            in_process_api.post_action(ONE, "pause", body, **query), 400, "VALIDATION_ERROR"
        )
        assert sorted(paths(problem)) == expected, body
        assert all(part["message"] for part in problem["problems"])
    assert states(in_process_api) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b'"\xff"'])
def test_what_is_no_json_is_refused(in_process_api: InProcessApi, body: bytes) -> None:
    """A body that is not JSON is a 400 with the path of the problem, never a 500."""
    response = in_process_api.http.post(f"{PARTITIONS}/{ONE}/pause", content=body, headers=JSON)
    assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["$"]


def test_another_media_type_is_refused(in_process_api: InProcessApi) -> None:
    """A form is a 415, so that a page of another site cannot act for an operator."""
    response = in_process_api.http.post(f"{PARTITIONS}/{ONE}/pause", data={"by": "ann", "why": "x"})
    problem_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_only_pause_skip_and_release_need_a_reason(in_process_api: InProcessApi) -> None:
    """Pause, skip and release without a reason are a 400; resume and retry need none."""
    in_process_api.worker.accept(*submissions(1, "B1"))
    in_process_api.perform(ONE, "pause")
    for action in ("pause", "skip", "release"):
        problem = problem_of(
            in_process_api.post_action(ONE, action, {"by": "ann"}), 400, "VALIDATION_ERROR"
        )
        assert paths(problem) == ["$.why"]
    assert in_process_api.post_action(ONE, "retry", {"by": "ann"}).status_code == 409
    assert in_process_api.post_action(ONE, "resume", {"by": "ann"}).status_code == 200


def test_servers_that_are_away_are_unavailable(
    tmp_path: Path, settings: Settings, sqlite_database: Path
) -> None:
    """Without Redis or the database an action is a 503; once both are back, it succeeds."""
    server = RedisServer(tmp_path / "redis", free_port())
    ledger = tmp_path / "later" / "ledger.db"
    own = replace(settings, redis_url=server.url, database_url=f"sqlite:///{ledger}")
    with serving(own) as url, httpx.Client(base_url=url, timeout=RESPONSE_TIMEOUT_SECONDS) as http:

        def answers() -> list[httpx.Response]:
            body = {"by": "ann", "why": "x"}
            reads = [http.get(PARTITIONS), http.get(f"{PARTITIONS}/{ONE}")]
            return [*reads, http.post(f"{PARTITIONS}/{ONE}/pause", json=body)]

        for response in answers():
            check_unavailable(response)
        with server:
            for response in answers():
                check_unavailable(response)
            ledger.parent.mkdir()
            ledger.write_bytes(sqlite_database.read_bytes())
            trade = submission("T-1", "B1").document
            assert http.post("/api/v1/trades/capture", content=trade, headers=JSON).is_success
            assert [response.status_code for response in answers()] == [200, 200, 200]


def test_a_ledger_that_cannot_be_written_is_unavailable(
    redis: "Redis", settings: Settings, sqlite_database: Path, tmp_path: Path
) -> None:
    """If the ledger cannot be written, a pause is a 503, and the partition is not paused."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_database.read_bytes())
    url = f"sqlite:///{file}"
    own = replace(settings, database_url=url, connect_seconds=0.2, retry_attempts=1)
    with run_in_process(redis, own) as in_process_api:
        in_process_api.worker.accept(*submissions(1, "B1"))
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as other_writer:
            other_writer.execute(text("BEGIN IMMEDIATE"))
            check_unavailable(in_process_api.post_action(ONE, "pause"))
            other_writer.execute(text("ROLLBACK"))
        engine.dispose()
        assert in_process_api.partition(ONE)["held"] is None
        in_process_api.perform(ONE, "pause")


def test_a_hold_that_only_redis_knows_can_be_ended(in_process_api: InProcessApi) -> None:
    """A retry lifts a hold whose trade could not be parked, and a worker captures the trade."""
    in_process_api.worker.accept(*submissions(1, "B1"))
    in_process_api.worker.inbox.hold(ONE, Hold.halt("parking it failed too"))
    assert in_process_api.perform(ONE, "retry")["partition"]["held"] is None
    in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {ONE: ids("B1", 1)}
