"""`partitions` and its subcommands: the state of a partition, and the actions on it."""

import getpass
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from tests.support.builders import broken, partition_of, submission, submissions, trade_json
from tests.support.cli.shell import Capture, Run, table_row
from tests.support.inbox.redis_snapshot import claimed, waiting
from tests.support.ledger.ledger_snapshot import all_rows, contents, exception_rows, trade_rows
from tradecapture.inbox import Inbox
from tradecapture.ledger import Ledger
from tradecapture.ledger.schema.tables import audit, exceptions
from tradecapture.local.servers.server import wait_until
from tradecapture.trades.partition import PartitionKey

PATIENCE_SECONDS = 60.0
ONE, TWO = partition_of("B1"), partition_of("B2")
UNREADABLE = b"0 3 1 1 an entry that no release reads"


@pytest.fixture
def halted(inbox: Inbox, capture: Capture) -> str:
    """A partition that a poisoned trade halts; three trades wait after it."""
    inbox.accept([*submissions(2, "B1"), broken("poison", "B1"), *submissions(3, "B1", 3)])
    capture()
    return ONE


def shown(run: Run, key: str, *options: str) -> Any:
    """Return the JSON that `show` prints."""
    return json.loads(run("partitions", "show", key, "--json", *options).stdout)


def audit_of(run: Run, key: str) -> list[tuple[str, str, str]]:
    """Return the audit of a partition as (by, action, why), the newest row first."""
    rows = json.loads(run("partitions", "audit", key, "--json").stdout)
    return [(row["by"], row["action"], row["why"]) for row in rows]


def captured(ledger: Ledger) -> list[str]:
    """Return the ids of the captured trades in the ledger's order."""
    return [row.trade_id for row in trade_rows(ledger)]


def test_show_says_what_halts_a_partition_and_what_waits(run: Run, halted: PartitionKey) -> None:
    """The parked trade with its error, the waiting trades with positions, the next steps."""
    facts = shown(run, halted)
    assert facts["held"]["kind"] == "HALTED"
    assert facts["held"]["why"].startswith("DecodeError: ")
    assert (facts["haltedBy"]["tradeId"], facts["haltedBy"]["position"]) == ("poison", 3)
    waiting = [(trade["position"], trade["tradeId"]) for trade in facts["waitingTrades"]]
    assert waiting == [(4, "B1-3"), (5, "B1-4"), (6, "B1-5")]
    now = datetime.now(UTC)
    assert all(
        datetime.fromisoformat(trade["acceptedAt"]) <= now for trade in facts["waitingTrades"]
    )
    assert (facts["waiting"], facts["lastSequence"]) == (3, 2)
    result = run("partitions", "show", halted)
    assert result.exit_code == 0
    assert table_row(result.stdout, "poison")[1] == "3"
    assert table_row(result.stdout, "6")[1] == "B1-5"
    assert f"partitions retry {halted}" in result.stdout
    assert f"partitions skip {halted} --why WHY" in result.stdout
    assert f"partitions resume {halted}" not in result.stdout


def test_show_is_bounded(run: Run, halted: PartitionKey) -> None:
    """It shows as many waiting trades as asked for, and says how many wait."""
    assert len(shown(run, halted, "--waiting", "2")["waitingTrades"]) == 2
    assert "the oldest 2 of 3" in run("partitions", "show", halted, "--waiting", "2").stdout
    assert run("partitions", "show", halted, "--waiting", "0").exit_code == 0
    assert run("partitions", "show", halted, "--waiting", "1000000").exit_code == 2


def test_show_names_a_trade_that_it_cannot_read(run: Run, inbox: Inbox, capture: Capture) -> None:
    """It has its position and the reason; the trades after it are shown, too."""
    inbox.accept(submissions(1, "B1"))
    inbox.redis.lpush("tc:{0}:inbox:" + ONE, UNREADABLE)
    capture()
    head, second = shown(run, ONE)["waitingTrades"]
    assert (head["tradeId"], second["tradeId"]) == (None, "B1-1")
    assert "release" in head["unreadable"]
    assert "(unreadable: " in run("partitions", "show", ONE).stdout


def test_a_paused_partition_is_captured_when_it_is_resumed(
    run: Run, inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """Its trades are still accepted; show and audit say who paused and resumed it, and why."""
    inbox.accept([*submissions(2, "B1"), *submissions(1, "B2")])
    result = run("partitions", "pause", ONE, "--why", "wrong prices", "--by", "ann")
    assert (result.exit_code, "is paused" in result.stdout) == (0, True)
    inbox.accept(submissions(1, "B1", 3))
    capture()
    assert captured(ledger) == ["B2-1"]
    assert "paused by ann: wrong prices" in run("partitions", "show", ONE).stdout
    assert table_row(run("partitions").stdout, ONE)[-1] == "PAUSED ann: wrong prices"
    assert run("partitions", "resume", ONE, "--by", "bob").exit_code == 0
    capture()
    assert captured(ledger) == ["B1-1", "B1-2", "B1-3", "B2-1"]
    assert audit_of(run, ONE) == [("bob", "resume", ""), ("ann", "pause", "wrong prices")]


def test_an_action_is_its_callers_unless_another_name_is_given(
    run: Run, halted: PartitionKey
) -> None:
    """The audit has the login name; a name that it cannot keep is refused."""
    run("partitions", "pause", halted, "--why", "a look")
    assert audit_of(run, halted) == [(getpass.getuser(), "pause", "a look")]
    for by in ("", "a:b", "line\nbreak", "n" * 101):
        result = run("partitions", "resume", halted, "--by", by)
        assert (result.exit_code, "--by: give a name" in result.stderr) == (2, True)
    assert len(audit_of(run, halted)) == 1


@pytest.mark.parametrize("action", ["pause", "skip", "release"])
def test_pause_skip_and_release_need_a_reason(run: Run, halted: PartitionKey, action: str) -> None:
    """Without a reason, or with a blank one, nothing is done."""
    assert "Missing option '--why'" in run("partitions", action, halted).stderr
    result = run("partitions", action, halted, "--why", "  ")
    assert (result.exit_code, "give a reason" in result.stderr) == (2, True)
    assert audit_of(run, halted) == []


@pytest.mark.parametrize(
    ("action", "exit_code"),
    [("pause", 0), ("resume", 1), ("retry", 1), ("skip", 0), ("release", 1)],
)
def test_a_dry_run_changes_nothing(
    run: Run, halted: PartitionKey, inbox: Inbox, ledger: Ledger, action: str, exit_code: int
) -> None:
    """It says what the result would be, and with what command; the audit has no row."""
    before = (contents(ledger), shown(run, halted)["held"], waiting(inbox.redis, halted))
    result = run("partitions", action, halted, "--why", "it's so", "--dry-run")
    assert result.exit_code == exit_code
    if exit_code == 0:
        assert "Dry run, nothing was changed" in result.stdout
        assert f"partitions {action} {halted} --why 'it'\"'\"'s so'" in result.stdout
        assert "--dry-run" not in result.stdout
    assert (contents(ledger), shown(run, halted)["held"], waiting(inbox.redis, halted)) == before
    assert all_rows(ledger.engine, audit) == []
    assert shown(run, halted)["owner"] is None


def test_a_retry_that_fails_keeps_the_halt(
    run: Run, halted: PartitionKey, capture: Capture, ledger: Ledger
) -> None:
    """Exit code 1 with the error, that nothing is lost, and what to do; the others still wait."""
    result = run("partitions", "retry", halted)
    assert result.exit_code == 1
    assert "it still cannot be captured: DecodeError" in result.stderr
    assert "Nothing is lost" in result.stderr
    assert f"partitions show {halted}" in result.stderr
    capture()
    assert captured(ledger) == ["B1-1", "B1-2"]
    assert shown(run, halted)["held"]["kind"] == "HALTED"
    assert [action for _who, action, _why in audit_of(run, halted)] == ["retry"]


def test_a_corrected_trade_is_retried_at_its_own_position(
    run: Run, halted: PartitionKey, capture: Capture, ledger: Ledger
) -> None:
    """It is captured before the trades that were accepted after it, and these follow."""
    document = trade_json(tradeId="poison", bookId="B1").decode()
    with ledger.engine.begin() as connection:
        connection.execute(update(exceptions).values(document=document))
    facts = json.loads(run("partitions", "retry", halted, "--json").stdout)
    assert (facts["done"], facts["tradeId"], facts["outcome"]) == (True, "poison", "CAPTURED")
    capture()
    assert captured(ledger) == ["B1-1", "B1-2", "poison", "B1-3", "B1-4", "B1-5"]
    assert shown(run, halted)["held"] is None


def test_a_skipped_trade_stays_parked_and_the_partition_goes_on(
    run: Run, halted: PartitionKey, capture: Capture, ledger: Ledger
) -> None:
    """Its reason says who skipped it and why; the command says how to replay it."""
    result = run("partitions", "skip", halted, "--why", "cancelled", "--by", "ann")
    assert result.exit_code == 0
    assert "replay poison --why WHY" in result.stdout
    capture()
    assert captured(ledger) == [f"B1-{n}" for n in range(1, 6)]
    (row,) = exception_rows(ledger)
    assert (row.trade_id, row.outcome) == ("poison", "PARKED")
    assert row.reason.endswith("skipped by ann: cancelled")
    assert run("reconcile").exit_code == 0


def test_an_action_that_is_not_done_is_exit_code_1(
    run: Run, halted: PartitionKey, inbox: Inbox
) -> None:
    """The error says why, and that nothing was changed; JSON has it, too."""
    inbox.accept(submissions(1, "B2"))
    result = run("partitions", "resume", TWO)
    assert (result.exit_code, "is not held" in result.stderr) == (1, True)
    assert "Nothing was changed" in result.stderr
    assert "retry or skip" in run("partitions", "resume", halted).stderr
    assert run("partitions", "skip", TWO, "--why", "why").exit_code == 1
    result = run("partitions", "release", TWO, "--why", "why", "--json")
    assert (result.exit_code, json.loads(result.stdout)["done"]) == (1, False)


def test_a_workers_claim_is_left_alone(run: Run, inbox: Inbox) -> None:
    """A skip waits for a lease and then says so; the claim is unchanged."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    run("partitions", "pause", ONE, "--why", "a look")
    result = run("partitions", "skip", ONE, "--why", "why", LEASE_SECONDS="0.5")
    assert result.exit_code == 1
    assert "a worker has" in result.stderr
    assert shown(run, ONE)["owner"] == claim.token


def test_gaps_are_shown_and_released(
    run: Run, inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """An overdue gap is exit code 1; the command that is shown captures the waiting trades."""
    inbox.accept([submission(f"T-{n}", "B1", sequenceNumber=n) for n in (1, 4, 5)])
    capture()
    assert captured(ledger) == ["T-1"]
    result = run("partitions", "gaps")
    assert (result.exit_code, ONE in result.stdout) == (0, False)
    result = run("partitions", "gaps", "--all")
    assert result.exit_code == 0
    assert table_row(result.stdout, ONE)[1:4] == ["1", "2 to 3", "2"]
    assert table_row(result.stdout, ONE)[-1] == ""
    late = {"SEQUENCE_TIMEOUT_SECONDS": "1"}
    assert wait_until(lambda: run("partitions", "gaps", **late).exit_code == 1, PATIENCE_SECONDS)
    result = run("partitions", "gaps", **late)
    assert table_row(result.stdout, ONE)[-1] == "yes"
    assert f"partitions release {ONE} --why WHY" in result.stdout
    (gap,) = json.loads(run("partitions", "gaps", "--json", **late).stdout)
    assert (gap["missingFrom"], gap["missingTo"], gap["overdue"]) == (2, 3, True)
    assert shown(run, ONE)["gap"]["buffered"] == 2
    assert f"partitions release {ONE}" in run("partitions", "show", ONE).stdout
    assert run("partitions", "release", ONE, "--why", "cancelled upstream").exit_code == 0
    assert captured(ledger) == ["T-1", "T-4", "T-5"]
    assert run("partitions", "gaps", "--all", **late).exit_code == 0


def test_an_unknown_partition_is_exit_code_1(run: Run, inbox: Inbox) -> None:
    """For show and for actions; a text that cannot be a key is wrong use."""
    inbox.accept(submissions(1, "B1"))
    for words in (["show", TWO], ["pause", TWO, "--why", "why"], ["retry", TWO]):
        result = run("partitions", *words)
        assert result.exit_code == 1, words
        assert "no trade of partition" in result.stderr
    for words in (["show", "B1"], ["pause", "B1", "--why", "why"], ["audit", "B1"]):
        result = run("partitions", *words)
        assert result.exit_code == 2, words
        assert "is not a partition key" in result.stderr


def test_a_key_in_place_of_a_subcommand_leads_to_show(run: Run) -> None:
    """A key alone names the command to use; options of a subcommand go after it."""
    result = run("partitions", ONE)
    assert result.exit_code == 2
    assert f"partitions show {ONE}" in result.stderr
    assert "No such command 'foo'" in run("partitions", "foo").stderr
    result = run("partitions", "--json", "show", ONE)
    assert (result.exit_code, "put --json after show" in result.stderr) == (2, True)


def test_the_audit_shows_all_partitions_newest_first(run: Run, inbox: Inbox) -> None:
    """It shows as many rows as asked for, or those of one partition."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    for key in (ONE, TWO):
        run("partitions", "pause", key, "--why", f"why {key}")
    rows = json.loads(run("partitions", "audit", "--json").stdout)
    assert [row["partitionKey"] for row in rows] == [TWO, ONE]
    assert len(json.loads(run("partitions", "audit", "--limit", "1", "--json").stdout)) == 1
    result = run("partitions", "audit", ONE)
    assert f"why {ONE}" in result.stdout
    assert TWO not in result.stdout


def test_an_action_after_redis_was_emptied_holds_again(
    run: Run, halted: PartitionKey, redis: "Redis", inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """The halt in the ledger is shown and can be ended, although Redis has lost it."""
    redis.flushall()
    assert shown(run, halted)["held"]["kind"] == "HALTED"
    assert run("partitions", "retry", halted).exit_code == 1
    inbox.accept(submissions(1, "B1", 9))
    assert run("partitions", "skip", halted, "--why", "lost").exit_code == 0
    capture()
    assert captured(ledger) == ["B1-1", "B1-2", "B1-9"]
