"""`replay`: a dry run first, then parked and rejected trades are accepted again, once each."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.builders import broken, partition_of, submission, submissions, trade_json
from tests.support.cli.shell import Capture, Run, table_row
from tests.support.ledger.ledger_snapshot import all_rows, contents, exception_rows, trade_rows
from tradecapture.cli.commands.replay.filter import ReplayFilter
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.ledger import Ledger
from tradecapture.ledger.schema.tables import audit, exceptions
from tradecapture.operations import ReplayRequest, ReplayState, open_operator, replay_pages
from tradecapture.operations import replay as replay_module
from tradecapture.settings import Settings
from tradecapture.trades.clock import from_ms

ONE, TWO = partition_of("B1"), partition_of("B2")
WHY = ("--why", "corrected")
REJECTED = ReplayFilter((), "rejected", None, None, None, None, None)


@pytest.fixture
def parked(run: Run, inbox: Inbox, capture: Capture, ledger: Ledger) -> str:
    """A parked trade that was skipped, and whose document was corrected since."""
    inbox.accept([broken("poison", "B1"), *submissions(2, "B1")])
    capture()
    assert run("partitions", "skip", ONE, "--why", "first the others").exit_code == 0
    capture()
    correct(ledger, "poison", "B1")
    return "poison"


def correct(ledger: Ledger, trade_id: str, book: str) -> None:
    """Give a recorded trade a document that can be captured."""
    document = trade_json(tradeId=trade_id, bookId=book).decode()
    with ledger.engine.begin() as connection:
        correction = update(exceptions).where(exceptions.c.trade_id == trade_id)
        connection.execute(correction.values(document=document))


def rejected(inbox: Inbox, capture: Capture, book: str, number: int) -> list[str]:
    """Let some trades of a book be rejected, because their numbers are too far ahead."""
    ids = [f"{book}-far-{n}" for n in range(number)]
    inbox.accept([submission(each, book, sequenceNumber=5000 + n) for n, each in enumerate(ids)])
    capture()
    return ids


def states(run: Run, *words: str) -> dict[str, str]:
    """Return the state that `replay` gives each trade."""
    return {row["tradeId"]: row["state"] for row in report(run, *words)["trades"]}


def report(run: Run, *words: str) -> Any:
    """Return the report of `replay`."""
    return json.loads(run("replay", *words, *WHY, "--json").stdout)


def audited(ledger: Ledger) -> list[str]:
    """Return the ids of the trades whose replay is in the audit."""
    return [row.trade_id for row in all_rows(ledger.engine, audit) if row.action == "replay"]


def test_a_dry_run_changes_nothing_and_names_the_command(
    run: Run, parked: str, inbox: Inbox, ledger: Ledger, deployment: Settings
) -> None:
    """Without --yes it says what would become of each trade, and how to do it."""
    before = (contents(ledger), InboxReader(inbox.redis, deployment.lanes).partitions())
    result = run("replay", parked, "--why", "it's corrected", "--by", "ann")
    assert result.exit_code == 0
    assert table_row(result.stdout, parked)[-1] == "to be accepted again"
    assert "Dry run, nothing was changed" in result.stdout
    assert f"replay {parked} --why 'it'\"'\"'s corrected' --by ann --yes" in result.stdout
    assert (contents(ledger), InboxReader(inbox.redis, deployment.lanes).partitions()) == before
    assert audited(ledger) == []


def test_a_replayed_trade_is_captured_once_at_the_end(
    run: Run, parked: str, inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """It is captured once, however often it is replayed; the first record stays."""
    inbox.accept(submissions(1, "B1", 3))
    assert states(run, parked, "--yes") == {parked: "ACCEPTED"}
    again = run("replay", parked, *WHY, "--yes")
    assert again.exit_code == 0
    assert "accepted again before: at position 5" in again.stdout
    capture()
    assert [row.trade_id for row in trade_rows(ledger)] == ["B1-1", "B1-2", "B1-3", parked]
    done = run("replay", parked, *WHY, "--yes")
    assert (done.exit_code, "Nothing to replay" in done.stdout) == (1, True)
    capture()
    assert len(trade_rows(ledger)) == 4
    assert [row.outcome for row in exception_rows(ledger)] == ["PARKED"]
    assert set(audited(ledger)) == {parked}
    assert run("reconcile").exit_code == 0


def test_ids_or_a_filter_must_be_given(run: Run, parked: str) -> None:
    """The error says what to give; a reason must be given, too."""
    result = run("replay", *WHY, "--yes")
    assert (result.exit_code, "--outcome parked" in result.stderr) == (2, True)
    assert run("replay", *WHY, "--limit", "3").exit_code == 2
    assert "Missing option '--why'" in run("replay", parked).stderr
    assert run("replay", parked, "--why", " ").exit_code == 2
    assert run("replay", parked, *WHY, "--since", "yesterday").exit_code == 2
    assert run("replay", "no\nid", *WHY).exit_code == 2


def test_ids_that_cannot_be_replayed_are_named(
    run: Run, parked: str, inbox: Inbox, capture: Capture
) -> None:
    """Each with the reason; the others are replayed, and the exit code is 1."""
    inbox.accept(submissions(1, "B2"))
    result = run("replay", "T-9", "B1-1", parked, "B2-1", *WHY, "--yes")
    assert result.exit_code == 1
    assert "T-9: no trade with this id was accepted" in result.stderr
    assert "B1-1: it is captured" in result.stderr
    assert "B2-1: it waits in its inbox" in result.stderr
    assert table_row(result.stdout, parked)[-1].startswith("accepted again")
    narrowed = report(run, parked, "--outcome", "rejected")
    assert narrowed["missing"][0]["why"].startswith("it is parked, but")


def test_a_trade_that_halts_its_partition_is_left_to_retry_and_skip(
    run: Run, inbox: Inbox, capture: Capture
) -> None:
    """A replay would give the same trade two positions that are both open."""
    inbox.accept([broken("poison", "B1")])
    capture()
    result = run("replay", "poison", *WHY, "--yes")
    assert result.exit_code == 1
    assert table_row(result.stdout, "poison")[-1] == "it halts its partition: retry or skip it"
    assert f"partitions show {ONE}" in result.stdout


def test_each_filter_narrows(
    run: Run, parked: str, inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """Outcome, partition, account, time and reason: all that are given must fit."""
    far = rejected(inbox, capture, "B2", 2)
    inbox.accept([submission("other", "B2", accountId="ACC2", sequenceNumber=5000)])
    capture()
    everything = {parked, *far, "other"}
    assert states(run, "--outcome", "parked").keys() == {parked}
    assert states(run, "--outcome", "rejected").keys() == {*far, "other"}
    assert states(run, "--partition", TWO).keys() == set(far)
    assert states(run, "--account", "ACC2").keys() == {"other"}
    assert states(run, "--reason", "more than 100 ahead").keys() == {*far, "other"}
    assert states(run, "--reason", "100%").keys() == set()
    assert states(run, "--account", "ACC1", "--outcome", "rejected").keys() == set(far)
    recorded = {row.trade_id: row.recorded_at for row in exception_rows(ledger)}
    since, until = recorded[far[0]].isoformat(), recorded["other"].isoformat()
    assert states(run, "--since", since).keys() == {*far, "other"}
    assert states(run, "--since", since, "--until", until).keys() == set(far)
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert states(run, "--since", tomorrow) == {}
    assert states(run, "--until", tomorrow).keys() == everything
    assert run("replay", "--since", tomorrow, *WHY).exit_code == 1


def test_many_are_replayed_page_by_page_in_their_order(
    run: Run,
    inbox: Inbox,
    capture: Capture,
    deployment: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each once, across pages; the trades of a partition in the order of their acceptance."""
    monkeypatch.setattr(replay_module, "PAGE_TRADES", 3)
    first, second = rejected(inbox, capture, "B1", 10), rejected(inbox, capture, "B2", 7)
    shown = report(run, "--outcome", "rejected", "--yes")
    assert [row["tradeId"] for row in shown["trades"]] == first + second
    assert shown["counts"] == {"ACCEPTED": 17}
    reader = InboxReader(inbox.redis, deployment.lanes)
    waiting = [entry.submission.trade_id for entry in reader.head(ONE, 100)]
    assert waiting == first
    assert report(run, "--outcome", "rejected", "--yes")["counts"] == {"REPEATED": 17}
    assert len(reader.head(ONE, 100)) == 10


def test_a_limit_counts_what_is_replayed(
    run: Run, parked: str, inbox: Inbox, capture: Capture
) -> None:
    """Trades that need no replay do not count."""
    assert run("replay", parked, *WHY, "--yes").exit_code == 0
    capture()
    first, second, _third = rejected(inbox, capture, "B2", 3)
    found = states(run, "--account", "ACC1", "--limit", "2", "--yes")
    assert found == {parked: "CAPTURED", first: "ACCEPTED", second: "ACCEPTED"}


def test_a_trade_rejected_again_during_a_replay_is_not_replayed_twice(
    inbox: Inbox, capture: Capture, deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay ends, although a worker rejects its trades as fast as it accepts them."""
    monkeypatch.setattr(replay_module, "PAGE_TRADES", 1)
    ids = rejected(inbox, capture, "B1", 3)
    with open_operator(deployment) as operator:
        now = from_ms(operator.inbox_reader.now_ms() + 1)
        trades = REJECTED.to_filter(now)
        request = ReplayRequest(None, "ann", "why", dry_run=False)
        replayed = []
        for page in replay_pages(operator.replay, operator.ledger_reader, trades, request):
            replayed += [each.row.trade_id for each in page]
            capture()
    assert replayed == ids


def test_of_a_trade_recorded_twice_the_later_record_counts(
    run: Run, inbox: Inbox, capture: Capture, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the earlier record is in another page, or alone fits the filter."""
    monkeypatch.setattr(replay_module, "PAGE_TRADES", 1)
    (far,) = rejected(inbox, capture, "B1", 1)
    run("replay", far, *WHY, "--yes")
    capture()
    shown = report(run, far)["trades"]
    assert [(row["position"], row["state"]) for row in shown] == [(1, "SUPERSEDED"), (2, "READY")]
    later = exception_rows(ledger)[-1].recorded_at.isoformat()
    assert states(run, far, "--until", later, "--yes") == {far: "SUPERSEDED"}


def test_trades_for_which_there_is_no_room_are_left_as_they_were(
    run: Run, inbox: Inbox, capture: Capture, deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are the trades after them; the same command again does the rest, in order."""
    monkeypatch.setattr(replay_module, "PAGE_TRADES", 2)
    ids = rejected(inbox, capture, "B1", 5)
    result = run("replay", "--outcome", "rejected", *WHY, "--yes", LIMIT_PARTITION="3")
    assert result.exit_code == 1
    assert "may; nothing of this trade was kept" in result.stderr
    assert "3 trades are accepted again and safe" in result.stderr
    counts = report(run, "--outcome", "rejected", "--yes")["counts"]
    assert counts == {"REPEATED": 3, "ACCEPTED": 2}
    head = InboxReader(inbox.redis, deployment.lanes).head(ONE, 100)
    assert [entry.submission.trade_id for entry in head] == ids


def test_nothing_overtakes_a_trade_for_which_there_was_no_room(
    inbox: Inbox, capture: Capture, deployment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay ends there, although there is room again after the page."""
    monkeypatch.setattr(replay_module, "PAGE_TRADES", 2)
    rejected(inbox, capture, "B1", 5)
    with open_operator(replace(deployment, limit_partition=1)) as operator:
        request = ReplayRequest(None, "ann", "why", dry_run=False)
        now = from_ms(operator.inbox_reader.now_ms() + 1)
        trades = REJECTED.to_filter(now)
        pages = []
        for page in replay_pages(operator.replay, operator.ledger_reader, trades, request):
            pages.append([each.state for each in page])
            capture()
    assert pages == [[ReplayState.ACCEPTED, ReplayState.REFUSED]]


def test_a_number_that_was_passed_is_captured_late(
    run: Run, inbox: Inbox, capture: Capture, ledger: Ledger
) -> None:
    """A trade that comes after its gap was released is rejected, and a replay captures it."""
    inbox.accept([submission(f"T-{n}", "B1", sequenceNumber=n) for n in (1, 3)])
    capture()
    assert run("partitions", "release", ONE, "--why", "2 is cancelled").exit_code == 0
    inbox.accept([submission("T-2", "B1", sequenceNumber=2)])
    capture()
    assert states(run, "--reason", "was passed", "--yes") == {"T-2": "ACCEPTED"}
    capture()
    assert [row.trade_id for row in trade_rows(ledger)] == ["T-1", "T-3", "T-2"]
    assert run("reconcile").exit_code == 0
