"""`submit` on a real Redis and ledger: every row is answered, exit codes tell, nothing is lost."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from tests.support.builders import PARTITION, TODAY, trade_json
from tests.support.cli.shell import Capture, Run, table_row
from tradecapture.cli.commands.submit.sending import CHUNK_TRADES
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.server import wait_until
from tradecapture.settings import Settings

ROOT = Path(__file__).parents[3]


def test_each_row_gets_its_answer(run: Run, tmp_path: Path) -> None:
    """Accepted, resent and refused rows are counted, and refused rows are shown with reasons."""
    errors = tmp_path / "errors.ndjson"
    bodies = [
        trade_json(tradeId="T-1"),
        b"{broken",
        trade_json(tradeId="T-1"),
        trade_json(tradeId="T-1", bookId="BOOK2", source="MANUAL"),
        trade_json(tradeId="T-1", source="MANUAL"),
        trade_json(tradeId="T-3", source="FAX", tradeDate="never"),
    ]
    result = run("submit", "-", "--errors", str(errors), standard_input=b"\n".join(bodies[:3]))
    assert result.exit_code == 1
    assert table_row(result.stdout, "accepted") == ["accepted", "1"]
    assert table_row(result.stdout, "accepted before (resent)")[1] == "1"
    assert table_row(result.stdout, "refused: not valid")[1] == "1"
    assert "standard input, row 2: $ is not JSON" in result.stderr
    assert [json.loads(line)["row"] for line in errors.read_text().splitlines()] == [2]

    result = run("submit", "-", standard_input=b"\n".join(bodies[4:]))
    assert result.exit_code == 1
    assert "row 1 (T-1): a trade with this id and other content" in result.stderr
    assert "these fields differ: source" in result.stderr
    assert "row 2 (T-3): $.source" in result.stderr
    assert "$.tradeDate 'never' is not a date" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", trade_json(tradeId="A-1") + b"\n" + trade_json(tradeId="A-2")),
        ("a.json", b"[" + trade_json(tradeId="A-1") + b", " + trade_json(tradeId="A-2") + b"]"),
        (
            "a.csv",
            "tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity,unit\n"
            f"A-1,ACC1,BOOK1,US0378331005,AUTOMATED,{TODAY},CP1,1000,Shares\n"
            f"A-2,ACC1,BOOK1,US0378331005,AUTOMATED,{TODAY},CP1,0.10000001,Shares\n".encode(),
        ),
    ],
)
def test_every_format_arrives(
    run: Run, capture: Capture, tmp_path: Path, name: str, content: bytes
) -> None:
    """The same trades as NDJSON, JSON and CSV are accepted, captured, and recognised again."""
    file = tmp_path / name
    file.write_bytes(content)
    result = run("submit", str(file))
    assert result.exit_code == 0, result.stderr
    assert table_row(result.stdout, "accepted")[1] == "2"
    capture()
    result = run("submit", str(file), "--wait", "--timeout", "5")
    assert result.exit_code == 0, result.stderr
    assert table_row(result.stdout, "accepted before (resent)")[1] == "2"
    assert table_row(result.stdout, "now captured")[1] == "2"


def test_a_bad_row_of_a_csv_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    """The bad row is reported with its number and its column."""
    file = tmp_path / "a.csv"
    line = f"{{}},ACC1,BOOK1,US0378331005,AUTOMATED,{TODAY},CP1,{{}}\n"
    file.write_text(
        "tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity\n"
        + line.format("C-1", "1")
        + line.format("C-2", "1.123456789")
        + line.format("C-3", "3")
    )
    result = run("submit", str(file))
    assert result.exit_code == 1
    assert table_row(result.stdout, "accepted")[1] == "2"
    assert f"{file}, row 3 (C-2): quantity must be a number" in result.stderr


def test_more_refused_rows_than_fit_are_counted(run: Run) -> None:
    """The first twenty refused rows are shown, and the others are counted."""
    result = run("submit", "-", standard_input=b"{}\n" * 25)
    assert result.exit_code == 1
    assert result.stderr.count("standard input, row ") == 20
    assert "and 5 more: --errors FILE" in result.stderr


def test_nothing_is_sent_of_files_of_which_one_is_broken(run: Run, tmp_path: Path) -> None:
    """The beginnings of all files are read first: the exit code is 2, and no trade is accepted."""
    good, broken = tmp_path / "a.ndjson", tmp_path / "b.json"
    good.write_bytes(trade_json())
    broken.write_bytes(b"[")
    result = run("submit", str(good), str(broken))
    assert result.exit_code == 2
    assert "b.json is not JSON" in result.stderr
    assert json.loads(run("partitions", "--json").stdout) == []


def test_waiting_ends(run: Run) -> None:
    """Without a worker, --wait ends after --timeout, says that the trades are safe, and exits 1."""
    result = run("submit", "-", "--wait", "--timeout", "0.1", standard_input=trade_json())
    assert result.exit_code == 1
    assert table_row(result.stdout, "still waiting")[1] == "1"
    assert "They are safe" in result.stderr


def test_a_redis_that_goes_away_says_what_is_safe(deployment: Settings, redis: "Redis") -> None:
    """Trades that were not stored are not counted as accepted; running again is harmless."""
    variables = {
        "TRADECAPTURE_REDIS_URL": deployment.redis_url,
        "TRADECAPTURE_DATABASE_URL": deployment.database_url,
        "TRADECAPTURE_LANES": str(deployment.lanes),
    }
    lines = [trade_json(tradeId=f"T-{number}") + b"\n" for number in range(CHUNK_TRADES + 1)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tradecapture", "submit", "-"],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(b"".join(lines[:CHUNK_TRADES]))
    process.stdin.flush()
    inbox = lane_keys(0).inbox(PARTITION)
    assert wait_until(lambda: redis.llen(inbox) == CHUNK_TRADES, 30)
    redis.config_set("maxmemory", 1)
    try:
        _output, remarks = process.communicate(lines[-1], timeout=30)
    finally:
        redis.config_set("maxmemory", 0)
    assert process.returncode == 3, remarks
    assert f"{CHUNK_TRADES} trades are safe on its disk" in remarks.decode()
    assert "run the same command again" in remarks.decode()
    assert redis.llen(inbox) == CHUNK_TRADES


def test_a_full_redis_is_exit_code_3(run: Run, redis: "Redis") -> None:
    """The message says what to do about the memory of Redis."""
    redis.config_set("maxmemory", 1)
    try:
        result = run("submit", "-", standard_input=trade_json())
    finally:
        redis.config_set("maxmemory", 0)
    assert result.exit_code == 3
    assert "maxmemory" in result.stderr


def test_where_too_many_wait_it_waits_for_room(
    deployment: Settings, capture: Capture, redis: "Redis"
) -> None:
    """Trades above the limit are sent again, in their order, until workers have made room."""
    variables = {
        "TRADECAPTURE_REDIS_URL": deployment.redis_url,
        "TRADECAPTURE_DATABASE_URL": deployment.database_url,
        "TRADECAPTURE_LANES": str(deployment.lanes),
        "TRADECAPTURE_LIMIT_PARTITION": "2",
    }
    lines = [trade_json(tradeId=f"T-{number}") for number in range(5)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tradecapture", "submit", "-"],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(b"\n".join(lines))
    process.stdin.close()
    inbox = lane_keys(0).inbox(PARTITION)
    for left in (2, 2, 1):
        assert wait_until(partial(_waits, redis, inbox, left), 60)
        capture()
    assert process.wait(60) == 0
    assert process.stdout
    assert table_row(process.stdout.read().decode(), "accepted")[1] == "5"
    process.stdout.close()


def _waits(redis: "Redis", inbox: str, trades: int) -> bool:
    return redis.llen(inbox) == trades


def test_where_no_room_is_made_it_says_what_is_safe(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 3, accepted trades are safe, and the same command again submits the rest."""
    monkeypatch.setattr("tradecapture.cli.commands.submit.sending.NO_ROOM_TIMEOUT_SECONDS", 0.0)
    lines = b"\n".join(trade_json(tradeId=f"T-{number}") for number in range(5))
    result = run("submit", "-", standard_input=lines, LIMIT_PARTITION="2")
    assert result.exit_code == 3
    assert table_row(result.stdout, "accepted")[1] == "2"
    assert table_row(result.stdout, "not sent: too many trades wait")[1] == "3"
    assert "2 trades wait in partition" in result.stderr
    assert "2 trades are safe on disk" in result.stderr
    result = run("submit", "-", standard_input=lines)
    assert result.exit_code == 0
    assert table_row(result.stdout, "accepted before (resent)")[1] == "2"
