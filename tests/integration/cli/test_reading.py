"""`trade`, `holdings`, `partitions` and `reconcile` on a real Redis and a real ledger."""

import json

from redis import Redis

from tests.support.builders import PARTITION, broken, lot, partition_of, trade_json
from tests.support.cli.shell import Capture, Run, submit, table_row
from tradecapture.inbox import Hold, Inbox
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.schema.tables import trades
from tradecapture.settings import Settings


def test_a_trade_is_followed(run: Run, capture: Capture) -> None:
    """A waiting trade is accepted, then captured, and is shown as received."""
    body = trade_json(tradeLots=[lot("0.10000000")])
    submit(run, body)
    assert json.loads(run("trade", "T-1", "--json").stdout)["status"] == "ACCEPTED"
    capture()
    shown = json.loads(run("trade", "T-1", "--json").stdout)
    assert (shown["status"], shown["partitionKey"], shown["position"]) == ("CAPTURED", PARTITION, 1)
    assert shown["trade"] == json.loads(body)
    assert '"0.10000000"' in run("trade", "T-1").stdout


def test_a_parked_trade_whose_document_is_not_json_is_shown(
    run: Run, inbox: Inbox, capture: Capture
) -> None:
    """Its document is text, byte for byte."""
    poison = broken("poison", "B1")
    inbox.accept([poison])
    capture()
    shown = json.loads(run("trade", "poison", "--json").stdout)
    assert (shown["status"], shown["trade"]) == ("PARKED", poison.document.decode())
    result = run("trade", "poison")
    assert (result.exit_code, json.dumps(shown["trade"]) in result.stdout) == (0, True)


def test_an_unknown_trade_is_exit_code_1(run: Run) -> None:
    """The message says that no such trade was accepted."""
    result = run("trade", "T-9")
    assert result.exit_code == 1
    assert "no trade T-9 was accepted" in result.stderr


def test_holdings_are_exact(run: Run, capture: Capture) -> None:
    """Sums are decimals without rounding; `--account` shows those of one account."""
    submit(
        run,
        trade_json(tradeId="A", tradeLots=[lot("0.1", "3")]),
        trade_json(tradeId="B", tradeLots=[lot("0.2", "3")]),
        trade_json(tradeId="C", accountId="ACC2"),
    )
    capture()
    (shown,) = json.loads(run("holdings", "--account", "ACC1", "--json").stdout)
    assert (shown["trades"], shown["netQuantity"]) == (2, "0.3")
    assert (shown["quantities"], shown["notionals"]) == ({"Shares": "0.3"}, {"USD": "0.9"})
    assert table_row(run("holdings").stdout, PARTITION)[1:3] == ["2", "0.3"]
    assert len(json.loads(run("holdings", "--json").stdout)) == 2


def test_positions_is_the_deprecated_name_of_holdings(run: Run, capture: Capture) -> None:
    """The old name prints the same, and on standard error it names the new command."""
    submit(run, trade_json())
    capture()
    assert run("positions", "--json").stdout == run("holdings", "--json").stdout
    assert "Use `tradecapture holdings`" in run("positions").stderr
    assert "positions" not in run("--help").stdout


def test_partitions_show_what_waits_and_why(run: Run, inbox: Inbox) -> None:
    """A partition is shown with its waiting trades, their age, its claim and its hold."""
    submit(run, trade_json(tradeId="A"), trade_json(tradeId="B", bookId="BOOK2"))
    inbox.hold(partition_of("BOOK2"), Hold.by_operator("ann", "a reason"))
    claim = inbox.claim(0, "worker1", 0.0)
    assert claim is not None
    claimed, held = json.loads(run("partitions", "--json").stdout)
    assert (claimed["accepted"], claimed["waiting"], claimed["owner"]) == (1, 1, claim.token)
    assert claimed["leaseMs"] > 0
    assert claimed["oldestAgeMs"] >= 0
    assert held["held"] == {"kind": "PAUSED", "who": "ann", "why": "a reason"}
    assert (claimed["held"], held["owner"]) == (None, None)
    assert "paused by ann" in run("partitions", "show", "ACC1_BOOK2_US0378331005").stdout
    assert run("partitions", "show", "ACC1_BOOK3_US0378331005").exit_code == 1


def test_reconcile_is_clean_and_counts_what_waits(run: Run, capture: Capture) -> None:
    """The exit code is 0; without --all only partitions with open trades are shown."""
    submit(run, trade_json(tradeId="A"))
    capture()
    submit(run, trade_json(tradeId="B"), trade_json(tradeId="C", bookId="BOOK2"))
    result = run("reconcile", "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["clean"]) == (0, True)
    assert shown["total"]["accepted"] == 3
    assert (shown["total"]["captured"], shown["total"]["waiting"]) == (1, 2)
    capture()
    assert json.loads(run("reconcile", "--json").stdout)["partitions"] == []
    assert len(json.loads(run("reconcile", "--all", "--json").stdout)["partitions"]) == 2
    assert "Clean" in run("reconcile").stdout


def test_reconcile_finds_a_lost_trade(run: Run, capture: Capture, deployment: Settings) -> None:
    """A row deleted from the ledger is a difference: exit code 1, and the partition is shown."""
    submit(run, trade_json(tradeId="A"), trade_json(tradeId="B"))
    capture()
    with open_engine(deployment) as (engine, _dialect), engine.begin() as connection:
        connection.execute(trades.delete().where(trades.c.trade_id == "A"))
    result = run("reconcile")
    assert result.exit_code == 1
    assert table_row(result.stdout, PARTITION)[-1] == "1"


def test_reconcile_tells_of_an_epoch_that_redis_lost(
    run: Run, capture: Capture, redis: "Redis"
) -> None:
    """The output says that the rows of that epoch are known to the ledger only."""
    submit(run, trade_json())
    capture()
    redis.flushall()
    result = run("reconcile")
    assert result.exit_code == 0
    assert "not in Redis any more" in result.stdout
