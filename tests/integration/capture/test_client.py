"""The client: typed answers in order, status from the inbox and then from the ledger."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from kombu import transport
from redis import Redis
from sqlalchemy import Engine, QueuePool
from sqlalchemy.exc import SQLAlchemyError

from tests.support.builders import PARTITION, broken, submission, trade, trade_json
from tests.support.capture.worker import Worker
from tests.support.deployment.completion import wait_for
from tests.support.inbox.redis_snapshot import KEYS
from tradecapture import (
    Client,
    LaneCountError,
    Outcome,
    PageKeyError,
    Receipt,
    Refusal,
    RefusalCode,
    Settings,
    TradeFilter,
    TradeState,
)
from tradecapture.capture import status
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import queue_of
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.trades.receipt import job_id_of

LONG_SECONDS = 30.0  # a wait that ends long before
SHORT_SECONDS = 0.3  # a wait that lasts to its end


@pytest.fixture
def client(redis: "Redis", ledger_settings: Settings) -> Iterator[Client]:
    """A client of a deployment on this Redis and each database in turn."""
    with Client(ledger_settings) as client:
        yield client


@pytest.fixture
def worker(redis: "Redis", ledger_settings: Settings) -> Iterator[Worker]:
    """A worker of the same deployment."""
    worker = Worker(redis, ledger_settings)
    yield worker
    worker.ledger.dispose()


def bells(redis: "Redis", lane: int = 0) -> int:
    """Return how many capture tasks wait for a lane."""
    return redis.llen(queue_of(lane))


def test_a_trade_is_submitted_as_a_mapping_or_as_json(client: Client) -> None:
    """Both are the same trade: the second is a resend of the first."""
    first = client.submit(trade())
    assert isinstance(first, Receipt)
    assert (first.trade_id, first.partition_key, first.position) == ("T-1", PARTITION, 1)
    again = client.submit(trade_json())
    assert isinstance(again, Receipt)
    assert (again.duplicate, again.job_id) == (True, first.job_id)
    assert first.job_id == job_id_of("T-1")


def test_many_are_answered_in_their_order(client: Client) -> None:
    """Receipts, refusals and resends are in the order of their trades."""
    answers = client.submit_many(
        [
            trade(tradeId="T-1"),
            trade(tradeId="T-2", source="FAX"),
            b"not json",
            trade(tradeId="T-1"),
            trade(tradeId="T-1", enteredBy="somebody"),
            trade_json(tradeId="T-3"),
        ]
    )
    assert [
        answer.code if isinstance(answer, Refusal) else answer.position for answer in answers
    ] == [1, RefusalCode.INVALID, RefusalCode.INVALID, 1, RefusalCode.CONFLICT, 2]
    assert [answer.trade_id for answer in answers] == ["T-1", "T-2", None, "T-1", "T-1", "T-3"]


def test_an_invalid_trade_is_refused_with_every_problem(client: Client) -> None:
    """The refusal has them as values and as text; nothing of the trade is stored."""
    answer = client.submit(trade(source="FAX", tradeDate="soon"))
    assert isinstance(answer, Refusal)
    assert sorted(problem.path for problem in answer.problems) == ["$.source", "$.tradeDate"]
    assert answer.message.startswith("the trade is not valid: 2 problems; $.")
    assert client.status("T-1") is None


def test_exact_decimals_go_in_as_python_has_them(client: Client, worker: Worker) -> None:
    """A Decimal is stored digit for digit."""
    lots = trade()["tradeLots"]
    lots[0]["priceQuantity"][0]["quantity"][0]["value"] = Decimal("12345678901234567890.12345678")
    client.submit(trade(tradeLots=lots))
    worker.drain()
    (row,) = worker.reader.partitions()
    assert str(row.net_quantity) == "12345678901234567890.12345678"


def test_one_bell_rings_for_many_submissions(client: Client, redis: "Redis") -> None:
    """The first submission sends a capture task, the later ones none."""
    for number in range(5):
        client.submit(trade(tradeId=f"T-{number}"))
    assert bells(redis) == 1


def test_a_trade_is_accepted_and_then_captured(client: Client, worker: Worker) -> None:
    """Its status is read from the inbox, then from the ledger."""
    client.submit_many([trade(tradeId="T-1"), trade(tradeId="T-2")], correlation_id="c-1")
    waiting = client.status("T-2")
    assert waiting is not None
    assert (waiting.status, waiting.position, waiting.partition_key) == (
        TradeState.ACCEPTED,
        2,
        PARTITION,
    )
    worker.drain()
    captured = client.status("T-2")
    assert captured is not None
    assert (captured.status, captured.ledger_sequence) == (TradeState.CAPTURED, 2)
    assert (captured.task_id, captured.correlation_id) == ("task-1", "c-1")
    assert captured.document == trade_json(tradeId="T-2")
    assert captured.captured_at is not None
    assert captured.captured_at >= captured.accepted_at == waiting.accepted_at


def test_an_unknown_trade_has_no_status(client: Client) -> None:
    """Nothing was accepted under this id."""
    assert client.status("T-unknown") is None


def test_a_parked_trade_says_why(client: Client, worker: Worker) -> None:
    """Its status is PARKED, with the reason that operators see."""
    worker.accept(broken("T-1", "BOOK1"))
    worker.drain()
    parked = client.status("T-1")
    assert parked is not None
    assert parked.status is TradeState.PARKED
    assert (parked.reason or "").startswith("DecodeError")


@pytest.mark.parametrize("is_captured", [False, True], ids=["waiting", "captured"])
def test_a_conflict_names_the_fields_that_differ(
    client: Client, worker: Worker, is_captured: bool
) -> None:
    """The fields are named whether the first trade still waits or is already captured."""
    client.submit(trade())
    if is_captured:
        worker.drain()
    answer = client.submit(trade(source="MANUAL", enteredBy="somebody"))
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.CONFLICT
    assert answer.message.endswith("these fields differ: enteredBy, source")


def test_a_conflict_in_another_partition_names_its_fields(client: Client) -> None:
    """The book is what differs."""
    client.submit(trade())
    answer = client.submit(trade(bookId="OTHER"))
    assert isinstance(answer, Refusal)
    assert answer.message.endswith("these fields differ: bookId")


def test_a_conflict_with_an_unreadable_entry_is_still_a_conflict(
    client: Client, redis: "Redis"
) -> None:
    """The refusal cannot name the fields, but it is still a conflict."""
    client.submit(trade())
    redis.lset(KEYS.inbox(PARTITION), 0, "2 an entry of a newer release")
    answer = client.submit(trade(source="MANUAL"))
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.CONFLICT


def test_another_lane_count_is_refused_at_once(client: Client, ledger_settings: Settings) -> None:
    """Before a single trade could go where no worker looks for it."""
    with pytest.raises(LaneCountError, match="Set TRADECAPTURE_LANES=1"):
        Client(replace(ledger_settings, lanes=2))


def test_an_unreachable_redis_refuses_every_trade(settings: Settings, tmp_path: Path) -> None:
    """Valid trades are refused as unavailable, invalid ones for what is wrong with them."""
    with RedisServer(tmp_path / "redis") as server:
        client = Client(replace(settings, redis_url=server.url, connect_seconds=0.2))
        server.kill()
        answers = client.submit_many([trade(), trade(tradeId=7)])
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == [RefusalCode.UNAVAILABLE, RefusalCode.INVALID]


def test_an_accepted_trade_survives_a_crash_of_redis(settings: Settings, tmp_path: Path) -> None:
    """A receipt means on disk: killed right after it, Redis has the trade when it is back."""
    with RedisServer(tmp_path / "redis") as server:
        with Client(replace(settings, redis_url=server.url)) as client:
            answers = client.submit_many([trade(tradeId=f"T-{number}") for number in range(100)])
        assert all(isinstance(answer, Receipt) for answer in answers)
        server.kill()
        server.start()
        with Redis.from_url(server.url) as redis:
            reader = InboxReader(redis, settings.lanes)
            seen = [reader.accepted_trade(f"T-{number}") for number in range(100)]
        assert [found.position for found in seen if found] == list(range(1, 101))


def test_without_a_broker_trades_are_accepted_and_the_sweep_rings(
    settings: Settings, redis: "Redis"
) -> None:
    """The trade is safe, and its bell is not counted as waiting."""
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with Client(replace(settings, broker_url=nowhere)) as client:
        assert isinstance(client.submit(trade()), Receipt)
    assert Inbox(redis, settings).reserve_bells() == [0]


def test_a_bell_that_cannot_be_rung_costs_no_receipt(
    settings: Settings, redis: "Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Redis is full or gone after the acceptance, ringing is left to the sweep."""
    # A test before may have made this process a worker, whose bells get through a full Redis.
    monkeypatch.setitem(transport.TRANSPORT_ALIASES, "redis", "kombu.transport.redis:Transport")
    monkeypatch.setattr(transport, "_transport_cache", {})
    # A database of its own: connections of such tests are still in the pool of the usual one.
    gateway = Gateway(replace(settings, broker_url=settings.redis_url.removesuffix("/0") + "/1"))
    assert isinstance(gateway.accept([submission()])[0], Receipt)
    gateway.inbox.clear_bell(0)
    redis.config_set("maxmemory", "1")
    try:
        gateway.bell.ring(gateway.inbox.reserve_bells())
        assert gateway.inbox.reserve_bells() == [0], "the right to ring was given back"
    finally:
        redis.config_set("maxmemory", "0")
    gateway.close()
    with RedisServer(tmp_path / "redis") as server:
        gateway = Gateway(replace(settings, redis_url=server.url))
        server.kill()
        gateway.bell.ring([0])
        gateway.close()


def test_a_client_closes_its_connections_at_the_end_of_its_block(
    redis: "Redis", ledger_settings: Settings
) -> None:
    """Also if the block raises."""
    before = len(redis.client_list())
    with pytest.raises(KeyError), Client(ledger_settings) as client:
        assert client.status("T-1") is None
        assert len(redis.client_list()) > before
        raise KeyError
    wait_for("its connections are closed", lambda: len(redis.client_list()) == before)
    assert connections(client._gateway.ledger.engine) == 0


def connections(engine: Engine) -> int:
    """Return how many database connections an engine holds."""
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedin() + pool.checkedout()


def test_waiting_ends_as_soon_as_every_trade_has_an_outcome(client: Client, worker: Worker) -> None:
    """Captured, rejected and parked trades have one; the caller gets them long before the time."""
    client.submit_many([trade(tradeId="T-1"), trade(tradeId="T-2", bookId="B2", sequenceNumber=1)])
    worker.accept(broken("T-3", "B3"), submission("T-4", "B2", sequenceNumber=1))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.wait, ["T-1", "T-2", "T-3", "T-4"], LONG_SECONDS)
        assert not waiting.done()
        worker.drain()
        assert waiting.result(LONG_SECONDS / 2) == {
            "T-1": Outcome.CAPTURED,
            "T-2": Outcome.CAPTURED,
            "T-3": Outcome.PARKED,
            "T-4": Outcome.REJECTED,
        }


def test_a_trade_without_an_outcome_in_time_is_left_out(client: Client, worker: Worker) -> None:
    """A waiting, a buffered and an unknown trade; the wait takes the whole time."""
    client.submit_many([trade(tradeId="T-1"), trade(tradeId="T-2", bookId="B2", sequenceNumber=2)])
    worker.drain()
    client.submit(trade(tradeId="T-3"))
    began = time.monotonic()
    outcomes = client.wait(["T-1", "T-2", "T-3", "T-unknown"], SHORT_SECONDS)
    assert time.monotonic() - began >= SHORT_SECONDS
    assert outcomes == {"T-1": Outcome.CAPTURED}


def test_without_time_every_trade_is_looked_up_once(
    client: Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the trades after a whole query of trades without an outcome."""
    monkeypatch.setattr(status, "IDS_PER_QUERY", 1)
    client.submit(trade())
    worker.drain()
    assert client.wait(["T-unknown", "T-1"], 0) == {"T-1": Outcome.CAPTURED}


def test_what_is_no_trade_id_is_not_waited_for(client: Client) -> None:
    """No database takes such texts, and no trade was accepted under them."""
    assert client.wait(["", "\0", "\ud800", "T" * 101], LONG_SECONDS) == {}


def test_waiting_raises_where_the_ledger_does_not_answer(
    settings: Settings, redis: "Redis"
) -> None:
    """The caller learns that nothing is known, rather than that nothing has ended."""
    url = f"postgresql://desk@{LOOPBACK}:{free_port()}/ledger"
    with (
        Client(replace(settings, database_url=url, connect_seconds=0.5)) as client,
        pytest.raises(SQLAlchemyError),
    ):
        client.wait(["T-1"], LONG_SECONDS)


def test_a_search_goes_on_from_the_page_before(client: Client, worker: Worker) -> None:
    """Each trade is found once; the last page has no key; a made-up key is refused."""
    client.submit_many([trade(tradeId=f"T-{number}") for number in range(1, 4)])
    worker.drain()
    trade_filter = TradeFilter(account_id="ACC1", outcomes=[Outcome.CAPTURED])
    first = client.search(trade_filter, limit=2)
    assert [found.trade_id for found in first.trades] == ["T-1", "T-2"]
    second = client.search(trade_filter, first.last, limit=2)
    assert [found.trade_id for found in second.trades] == ["T-3"]
    assert second.last is None
    assert first.last is not None
    with pytest.raises(PageKeyError):
        client.search(trade_filter, first.last._replace(key=("made", "up")))
