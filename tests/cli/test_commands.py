"""The commands on a real Redis and a real ledger: results, exit codes, one sentence an error."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from tests.builders import PARTITION, TODAY, lot, trade_json
from tests.cli.conftest import Run
from tradecapture.cli import cli
from tradecapture.cli.sending import CHUNK_TRADES
from tradecapture.inbox import Inbox
from tradecapture.inbox.keys import lane_keys
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.tables import trades
from tradecapture.local.waiting import wait_until
from tradecapture.settings import Settings

Capture = Callable[[], None]
ROOT = Path(__file__).parents[2]
NOWHERE = "redis://127.0.0.1:1/0"  # port 1: nothing listens there


def table_row(output: str, first: str) -> list[str]:
    """Return the cells of the row that begins so."""
    rows = [[cell.strip() for cell in line.split("│")] for line in output.splitlines()]
    return next(row[1:-1] for row in rows if len(row) > 2 and row[1] == first)


def submit(run: Run, *bodies: bytes) -> None:
    """Submit trades; all must be accepted."""
    result = run("submit", "-", standard_input=b"\n".join(bodies))
    assert result.exit_code == 0, result.stderr


def test_each_row_gets_its_answer(run: Run, tmp_path: Path) -> None:
    """Accepted, resent, in conflict, invalid: counted, and the refused ones shown with reasons."""
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
    """It is reported with its row number and its column."""
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
    """The first twenty are shown, and how many more there are."""
    result = run("submit", "-", standard_input=b"{}\n" * 25)
    assert result.exit_code == 1
    assert result.stderr.count("standard input, row ") == 20
    assert "and 5 more: --errors FILE" in result.stderr


def test_nothing_is_sent_of_files_of_which_one_is_broken(run: Run, tmp_path: Path) -> None:
    """All heads are read first: exit code 2, and no trade was accepted."""
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


def test_an_unreachable_redis_is_exit_code_3(run: Run) -> None:
    """Every command that needs it says so in one sentence."""
    for words in (["submit", "-"], ["trade", "T"], ["partitions"], ["reconcile"]):
        result = run(*words, standard_input=trade_json(), REDIS_URL=NOWHERE)
        assert result.exit_code == 3, words
        assert "Redis does not answer" in result.stderr
        assert "Traceback" not in result.stderr


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
    """The message says what to do about the memory."""
    redis.config_set("maxmemory", 1)
    try:
        result = run("submit", "-", standard_input=trade_json())
    finally:
        redis.config_set("maxmemory", 0)
    assert result.exit_code == 3
    assert "maxmemory" in result.stderr


def test_an_unreachable_database_is_exit_code_3(run: Run) -> None:
    """Every command that needs it says so in one sentence, and that trades are safe."""
    for words in (["positions"], ["reconcile"], ["db", "upgrade"], ["trade", "T"]):
        result = run(*words, DATABASE_URL="postgresql://127.0.0.1:1/x")
        assert result.exit_code == 3, words
        assert "the database does not answer" in result.stderr
        assert "safely in Redis" in result.stderr


def test_another_lane_count_is_exit_code_2(run: Run) -> None:
    """The message says what to do."""
    submit(run, trade_json())
    result = run("partitions", LANES="3")
    assert result.exit_code == 2
    assert "Set TRADECAPTURE_LANES=1" in result.stderr


def test_bad_settings_are_exit_code_2(run: Run) -> None:
    """The variable is named."""
    result = run("positions", LANES="many")
    assert result.exit_code == 2
    assert "TRADECAPTURE_LANES" in result.stderr


def test_missing_tables_are_exit_code_2_and_made_by_db_upgrade(run: Run, tmp_path: Path) -> None:
    """The cure in the message works, twice."""
    url = f"sqlite:///{tmp_path}/new.db"
    result = run("positions", DATABASE_URL=url)
    assert result.exit_code == 2
    assert "tradecapture db upgrade" in result.stderr
    assert "(before: none)" in run("db", "upgrade", DATABASE_URL=url).stdout
    assert "already" in run("db", "upgrade", DATABASE_URL=url).stdout
    assert run("positions", DATABASE_URL=url).exit_code == 0


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mssql"])
def test_the_tables_can_be_printed(run: Run, dialect: str) -> None:
    """As SQL for a database administrator, without any database."""
    result = run("db", "upgrade", "--sql", dialect, DATABASE_URL=None, REDIS_URL=None)
    assert result.exit_code == 0, result.stderr
    assert "CREATE TABLE trades" in result.stdout


def test_a_trade_is_followed(run: Run, capture: Capture) -> None:
    """Accepted while it waits, then captured, with the trade as received."""
    body = trade_json(tradeLots=[lot("0.10000000")])
    submit(run, body)
    assert json.loads(run("trade", "T-1", "--json").stdout)["status"] == "ACCEPTED"
    capture()
    shown = json.loads(run("trade", "T-1", "--json").stdout)
    assert (shown["status"], shown["partitionKey"], shown["position"]) == ("CAPTURED", PARTITION, 1)
    assert shown["trade"] == json.loads(body)
    assert '"0.10000000"' in run("trade", "T-1").stdout


def test_an_unknown_trade_is_exit_code_1(run: Run) -> None:
    """With what to do."""
    result = run("trade", "T-9")
    assert result.exit_code == 1
    assert "no trade T-9 was accepted" in result.stderr


def test_positions_are_exact(run: Run, capture: Capture) -> None:
    """Sums of decimals as text, without rounding; of one account if asked."""
    submit(
        run,
        trade_json(tradeId="A", tradeLots=[lot("0.1", "3")]),
        trade_json(tradeId="B", tradeLots=[lot("0.2", "3")]),
        trade_json(tradeId="C", accountId="ACC2"),
    )
    capture()
    (shown,) = json.loads(run("positions", "--account", "ACC1", "--json").stdout)
    assert (shown["trades"], shown["netQuantity"]) == (2, "0.3")
    assert (shown["quantities"], shown["notionals"]) == ({"Shares": "0.3"}, {"USD": "0.9"})
    assert table_row(run("positions").stdout, PARTITION)[1:3] == ["2", "0.3"]
    assert len(json.loads(run("positions", "--json").stdout)) == 2


def test_partitions_show_what_waits_and_why(run: Run, inbox: Inbox) -> None:
    """How many wait, since when, who has them, why they are held; one partition if asked."""
    submit(run, trade_json(tradeId="A"), trade_json(tradeId="B", bookId="BOOK2"))
    inbox.hold("ACC1_BOOK2_US0378331005", "paused by ann")
    claim = inbox.claim(0, "worker1", 0.0)
    assert claim is not None
    claimed, held = json.loads(run("partitions", "--json").stdout)
    assert (claimed["accepted"], claimed["waiting"], claimed["owner"]) == (1, 1, claim.token)
    assert claimed["leaseMs"] > 0
    assert claimed["oldestAgeMs"] >= 0
    assert (held["held"], held["owner"]) == ("paused by ann", None)
    assert "paused by ann" in run("partitions", "ACC1_BOOK2_US0378331005").stdout
    assert run("partitions", "ACC1_BOOK3_US0378331005").exit_code == 1


def test_reconcile_is_clean_and_counts_what_waits(run: Run, capture: Capture) -> None:
    """Exit code 0; by default only what waits or is parked is shown besides the total."""
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
    engine, _dialect = make_engine(deployment.database_url, pool_size=1, timeout_seconds=3)
    with engine.begin() as connection:
        connection.execute(trades.delete().where(trades.c.trade_id == "A"))
    engine.dispose()
    result = run("reconcile")
    assert result.exit_code == 1
    assert table_row(result.stdout, PARTITION)[-1] == "1"


def test_reconcile_tells_of_an_epoch_that_redis_lost(
    run: Run, capture: Capture, redis: "Redis"
) -> None:
    """Its rows come from the ledger alone, and that is said."""
    submit(run, trade_json())
    capture()
    redis.flushall()
    result = run("reconcile")
    assert result.exit_code == 0
    assert "not in Redis any more" in result.stdout


def test_doctor_finds_a_redis_that_evicts(run: Run, redis: "Redis") -> None:
    """FAIL with a cure and exit code 1; the workers that are missing are only a warning."""
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        result = run("doctor", "--json", "--processes", "3")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    assert result.exit_code == 1
    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert findings["Redis maxmemory-policy"]["level"] == "FAIL"
    assert "noeviction" in findings["Redis maxmemory-policy"]["cure"]
    assert findings["Redis appendonly"]["level"] == "OK"
    assert findings["workers"]["level"] == "WARN"
    assert findings["schema"]["level"] == "OK"
    assert "3 processes" in findings["connection budget"]["message"]


def test_doctor_passes_a_right_set_up(run: Run, redis: "Redis") -> None:
    """Exit code 0, and every finding has a line."""
    redis.config_set("appendfsync", "always")
    try:
        result = run("doctor")
    finally:
        redis.config_set("appendfsync", "no")
    assert result.exit_code == 0, result.stdout
    assert table_row(result.stdout, "WARN")[1] == "workers"


def test_doctor_changes_nothing(run: Run, redis: "Redis") -> None:
    """It does not even record a lane count."""
    run("doctor")
    assert not [key for key in redis.keys("tc:*") if key]


def test_doctor_examines_what_it_can_reach(run: Run) -> None:
    """A Redis out of reach is a finding, not the end."""
    result = run("doctor", "--json", REDIS_URL=NOWHERE)
    assert result.exit_code == 1
    levels = {finding["subject"]: finding["level"] for finding in json.loads(result.stdout)}
    assert (levels["Redis"], levels["broker"], levels["schema"]) == ("FAIL", "FAIL", "OK")


def test_without_servers_a_command_says_how_to_get_them(run: Run) -> None:
    """Exit code 3: start `up`, or set the variables that are missing."""
    result = run("reconcile", REDIS_URL=None)
    assert result.exit_code == 3
    assert "start `tradecapture up`" in result.stderr
    assert "set TRADECAPTURE_REDIS_URL" in result.stderr
    assert "DATABASE" not in result.stderr


def test_generated_trades_are_seeded(run: Run, tmp_path: Path) -> None:
    """The same options give the same bytes, to a file and to standard output."""
    options = ("--trades", "50", "--seed", "3", "--invalid", "0", "--today", "2026-01-15")
    file = tmp_path / "trades.ndjson"
    assert run("generate", *options, "--output", str(file)).exit_code == 0
    assert run("generate", *options).stdout_bytes == file.read_bytes()
    assert len(file.read_text().splitlines()) == 50
    result = run("generate", "--resends", "0.7", "--invalid", "0.7")
    assert result.exit_code == 2
    assert "resends and invalid" in result.stderr


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_help_has_examples_and_exit_codes(run: Run, name: str) -> None:
    """Every command explains itself."""
    words = [name, "upgrade"] if name == "db" else [name]
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "Exit codes: 0" in result.stdout
