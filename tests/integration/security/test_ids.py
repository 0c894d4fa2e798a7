"""Hostile ids: each way in refuses them by field name, or creates only the keys of their trade."""

import csv
import io
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis

from tests.support.api.hostile import (
    HOSTILE_IDS,
    ID_FIELDS,
    expected_keys,
    hostile_ids,
    is_valid_id,
    keys,
    with_id,
)
from tests.support.api.requests import LANES, Deployment
from tests.support.builders import trade
from tests.support.cli.shell import Run
from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.workers import StartWorker
from tradecapture import Client, Receipt, Refusal, Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK
from tradecapture.connections.brokers.app import sending_app
from tradecapture.trades.receipt import RefusalCode

DEPLOYMENT_KEYS = {b"tc:lanes"}  # exist without any trade
CSV_COLUMNS = "tradeId,accountId,bookId,securityId,source,tradeDate,counterpartyIds,quantity"

fields = st.sampled_from(sorted(ID_FIELDS))


@given(fields, hostile_ids)
def test_the_client_refuses_an_id_or_keeps_to_its_keys(
    redis: "Redis", settings: Settings, field: str, text: str
) -> None:
    """The client refuses an invalid id by its field name, and then stores nothing."""
    redis.flushall()
    with Client(settings) as client:
        answer = client.submit(with_id(field, text))
    if is_valid_id(field, text):
        assert isinstance(answer, Receipt)
        assert keys(redis) == expected_keys(with_id(field, text), settings.lanes)
    else:
        assert isinstance(answer, Refusal)
        assert answer.code is RefusalCode.INVALID
        assert [problem.path for problem in answer.problems] == [f"$.{field}"]
        assert keys(redis) == DEPLOYMENT_KEYS


@given(hostile_ids)
def test_what_comes_beside_a_trade_is_refused_by_name_or_kept(
    redis: "Redis", settings: Settings, text: str
) -> None:
    """The client names an invalid idempotency key, correlation id or callback URL."""
    redis.flushall()
    with Client(settings) as client:
        for name in ("idempotency_key", "correlation_id", "callback_url"):
            answer = client.submit(trade(tradeId=f"BESIDE-{name}"), **{name: text})
            if isinstance(answer, Refusal):
                assert not (text.isprintable() and len(text) <= 100 and text == text.strip())
                assert answer.code is RefusalCode.INVALID
                first, *more = name.split("_")
                wire_name = first + "".join(part.capitalize() for part in more)
                assert [p.path.removeprefix("$.") for p in answer.problems] == [wire_name]
    assert all(key.startswith((b"tc:{0}:", b"tc:lanes")) for key in keys(redis))


@given(fields, hostile_ids, st.booleans())
def test_http_answers_400_or_keeps_to_its_keys(
    quiet: Deployment, field: str, text: str, ascii_only: bool
) -> None:
    """The API answers a hostile id in JSON with 202 or 400, and its status with 200 or 404."""
    quiet.redis.flushall()
    document = with_id(field, text)
    body = json.dumps(document, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    answer = quiet.submit(body)
    if is_valid_id(field, text):
        assert answer.status_code == 202
        assert (
            keys(quiet.redis) - DEPLOYMENT_KEYS == expected_keys(document, LANES) - DEPLOYMENT_KEYS
        )
    else:
        assert answer.status_code == 400
        # With half of a surrogate pair the body is not JSON, so the problem has no field.
        paths = {problem["path"] for problem in answer.json()["problems"]}
        assert paths == {f"$.{field}"} or (paths == {"$"} and not _is_unicode(text))
        assert keys(quiet.redis) <= DEPLOYMENT_KEYS
    status = quiet.trade(quote(text.encode(errors="surrogatepass"), safe=""))
    accepted = field == "tradeId" and is_valid_id(field, text)
    assert status.status_code == (200 if accepted else 404) or not text.strip("./")


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
@given(field=st.sampled_from(sorted(set(ID_FIELDS) - {"idempotencyKey"})), text=hostile_ids)
@hypothesis_settings(max_examples=30)
def test_a_file_is_refused_by_row_and_field_or_keeps_to_its_keys(
    redis: "Redis", run: Run, settings: Settings, kind: str, field: str, text: str
) -> None:
    """`tradecapture submit` names the row and field of an invalid id in NDJSON and CSV files."""
    redis.flushall()
    if kind == "csv":
        # The command strips the blanks around a CSV cell.
        file, text = _csv_file(field, text), text.strip()
    else:
        file = json.dumps(with_id(field, text), ensure_ascii=False).encode(errors="surrogatepass")
    result = run("submit", "-", "--format", kind, standard_input=file)
    if is_valid_id(field, text):
        assert (result.exit_code, result.exception) == (0, None)
        assert keys(redis) == expected_keys(with_id(field, text), settings.lanes)
    else:
        assert result.exit_code == 1
        # The message names a row that is not readable only by its number.
        assert field in result.stderr or "row" in result.stderr
        assert keys(redis) == DEPLOYMENT_KEYS


@given(hostile_ids)
@hypothesis_settings(max_examples=30)
def test_operators_commands_find_nothing_under_a_hostile_name(
    redis: "Redis", run: Run, text: str
) -> None:
    """`trade` and `partitions show` find nothing under a hostile name, and change nothing."""
    redis.flushall()
    for command in (["trade"], ["partitions", "show"]):
        result = run(*command, "--", text)
        # A text that cannot be a partition key is bad input, exit code 2.
        assert result.exit_code in ((1, 2) if "show" in command else (1,)), result.stderr
        assert "Traceback" not in result.stderr
    assert keys(redis) == DEPLOYMENT_KEYS


@pytest.mark.workers
def test_tasks_with_hostile_ids_are_refused_or_captured(
    gateway: Gateway, start_worker: StartWorker, redis: "Redis"
) -> None:
    """A worker captures the valid trades among tasks with hostile ids, and goes on working."""
    worker = start_worker("w").wait_ready()
    app = sending_app(gateway.settings.broker, gateway.settings.connect_seconds)
    valid: list[str] = []
    documents = [with_id("tradeId", text) for text in HOSTILE_IDS]
    documents += [
        trade(tradeId=f"{field}-{number}", **{field: text})
        for field in ("accountId", "bookId", "securityId")
        for number, text in enumerate(HOSTILE_IDS)
    ]
    for number, document in enumerate(documents):
        sent = document if number % 2 else json.dumps(document)
        app.send_task(SUBMIT_TASK, args=(sent,), queue=SUBMIT_QUEUE)
        if all(is_valid_id(name, document[name]) for name in ID_FIELDS if name in document):
            valid.append(document["tradeId"])

    wait_for("all are taken", lambda: redis.llen(SUBMIT_QUEUE) == 0)
    wait_for(
        "the valid ones are captured", lambda: len(gateway.ledger.outcomes(valid)) == len(valid)
    )
    wait_until_nothing_waits(gateway)
    assert set(gateway.ledger.outcomes(valid).values()) == {"CAPTURED"}

    assert worker.process.poll() is None


def _csv_file(field: str, text: str) -> bytes:
    cells = {name: str(trade()[name]) for name in CSV_COLUMNS.split(",")[:6]}
    cells |= {"counterpartyIds": "CP1", "quantity": "1000", field: text}
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, CSV_COLUMNS.split(","))
    writer.writeheader()
    writer.writerow(cells)
    return file.getvalue().encode(errors="surrogatepass")


def _is_unicode(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
