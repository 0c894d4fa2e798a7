"""`POST /trades/capture`, which accepts one trade."""

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import CAPTURE, JSON, Deployment, new_trade, today
from tests.support.builders import PARTITION, lot, trade_json
from tests.support.builders.strategies import exact_values, json_values, nearly_valid_trades
from tradecapture.trades.document import encode

# A request with junk takes 1 to 2 ms.
EXAMPLES = 80


def test_accepted_trade_is_answered_as_the_contract_says(quiet: Deployment) -> None:
    """A trade is answered 202 with exactly the fields of the contract."""
    trade_id, body = new_trade()
    response = quiet.submit(body)
    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    assert "idempotency-status" not in response.headers
    answer = response.json()
    message = answer.pop("message")
    assert message
    job_id = answer["jobId"]
    assert answer == {
        "status": "ACCEPTED",
        "tradeId": trade_id,
        "jobId": job_id,
        "partitionKey": PARTITION,
        "statusUrl": f"/api/v1/trades/jobs/{job_id}/status",
    }
    assert quiet.http.get(answer["statusUrl"]).status_code == 200


def test_accepted_trade_is_in_its_inbox_byte_for_byte(quiet: Deployment) -> None:
    """The inbox has the body byte for byte, with its correlation id and callback URL."""
    body = b'{ "extra": [1.10, 1e2] ,' + new_trade()[1][1:]
    answer = quiet.submit(body, X_Correlation_ID="abc 1", X_Callback_Url="http://h/x").json()
    seen = quiet.inbox.accepted_trade(answer["tradeId"])
    assert seen is not None
    entry = quiet.inbox.entry(seen.partition_key, seen.position)
    assert entry is not None
    assert entry.submission.document == body
    assert entry.submission.correlation_id == "abc 1"
    assert entry.submission.callback_url == "http://h/x"


def test_resend_is_answered_as_the_first_time(quiet: Deployment) -> None:
    """A resend gets the first response again, with a header that calls it a duplicate."""
    _, body = new_trade()
    first = quiet.submit(body)
    again = quiet.submit(body.replace(b":1000,", b":1000.0,"))
    assert again.status_code == 202
    assert again.headers["idempotency-status"] == "duplicate"
    one, other = first.json(), again.json()
    assert one.pop("message") != other.pop("message")
    assert one == other


def test_same_id_with_other_content_is_a_conflict(quiet: Deployment) -> None:
    """The same id with other content is 409, and names the fields that differ."""
    trade_id, body = new_trade()
    quiet.submit(body)
    other = trade_json(tradeId=trade_id, counterpartyIds=["CP2"], enteredBy="someone")
    problem = problem_of(quiet.submit(other), 409, "DUPLICATE_TRADE_ID_DIFFERENT_PAYLOAD")
    assert "counterpartyIds, enteredBy" in problem["detail"]


def test_every_problem_is_told_at_once(quiet: Deployment) -> None:
    """One response names every invalid header and field, each with its path."""
    body = trade_json(
        tradeId="",
        source="FAX",
        tradeDate="2026-02-30",
        counterpartyIds="CP1",
        tradeLots=[lot(value="0.123456789")],
    )
    response = quiet.submit(body, Idempotency_Key="k" * 101, X_Callback_Url="ftp://h/x")
    problem = problem_of(response, 400, "VALIDATION_ERROR")
    assert sorted(paths(problem)) == [
        "$.counterpartyIds",
        "$.source",
        "$.tradeDate",
        "$.tradeId",
        "$.tradeLots[0].priceQuantity[0].quantity[0].value",
        "Idempotency-Key",
        "X-Callback-Url",
    ]
    assert all(part["message"] for part in problem["problems"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b'"trade"',
        b"{}",
        b"\xff\xfe",
        b'{"tradeId": "T", "tradeId"',
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"tradeId": NaN}',
        b'{"tradeId": "\\ud800"}',
        b"1" * 5000,
        b'{"sequenceNumber": 1e99999999999999999999}',
    ],
)
def test_broken_json_is_refused(quiet: Deployment, body: bytes) -> None:
    """A body that is not a trade is a 400 with a problem, never a 500."""
    problem = problem_of(quiet.submit(body), 400, "VALIDATION_ERROR")
    assert problem["problems"]


@hypothesis_settings(max_examples=EXAMPLES)
@given(document=nearly_valid_trades() | json_values)
def test_junk_is_never_a_server_error(quiet: Deployment, document: Any) -> None:
    """A trade with junk anywhere is accepted, or refused with its problems."""
    response = quiet.submit(encode(document))
    if response.status_code not in (202, 409):
        assert problem_of(response, 400, "VALIDATION_ERROR")["problems"]


def test_tomorrow_is_a_trade_date_and_the_day_after_is_not(quiet: Deployment) -> None:
    """A trade date may be one day after today in UTC, for clients east of it, but not three."""
    for days, status in ((1, 202), (3, 400)):
        _, body = new_trade(tradeDate=(today() + timedelta(days)).date().isoformat())
        assert quiet.submit(body).status_code == status


def test_compact_lot_is_accepted(quiet: Deployment) -> None:
    """The compact lot form of some clients is accepted, and stored in the full form."""
    compact = {
        "lotIdentifier": "LOT-9",
        "priceQuantity": {"quantity": Decimal("1000.50"), "unitOfAmount": {"currency": "USD"}},
    }
    trade_id, body = new_trade(tradeLots=[compact])
    assert quiet.submit(body).status_code == 202
    seen = quiet.inbox.accepted_trade(trade_id)
    assert seen is not None
    entry = quiet.inbox.entry(seen.partition_key, seen.position)
    assert entry is not None
    assert b'"quantity":[{"value":1000.50,' in entry.submission.document


def test_trade_over_the_size_limit_is_refused(quiet: Deployment) -> None:
    """A body over the size limit is a 413 that names the limit; the connection stays usable."""
    _, body = new_trade(metadata={"text": "x" * 300_000})
    problem = problem_of(quiet.submit(body), 413, "REQUEST_ENTITY_TOO_LARGE")
    assert "262144 bytes" in problem["detail"]
    assert quiet.submit(new_trade()[1]).status_code == 202


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("application/JSON; charset=utf-8", 202),
        ("application/x-ndjson", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_media_type_must_be_json(quiet: Deployment, content_type: str, status: int) -> None:
    """Only JSON is accepted; another media type is a 415 that says what to send."""
    response = quiet.submit(new_trade()[1], Content_Type=content_type)
    if status == 202:
        assert response.status_code == 202
    else:
        problem = problem_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert "application/json" in problem["detail"]


@pytest.mark.parametrize("key", ["", "k" * 101, "tab\there", "caf\xe9"])
def test_invalid_idempotency_key_is_refused(quiet: Deployment, key: str) -> None:
    """An idempotency key without 1 to 100 printable characters is a 400."""
    response = quiet.http.post(
        CAPTURE,
        content=new_trade()[1],
        headers=[
            (b"Content-Type", b"application/json"),
            (b"Idempotency-Key", key.encode("latin-1")),
        ],
    )
    assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("own", "expected"), [({}, b'"key-1"'), ({"idempotencyKey": "own"}, b'"own"')]
)
def test_idempotency_key_is_kept_with_the_trade(
    quiet: Deployment, own: dict[str, str], expected: bytes
) -> None:
    """The trade is stored with the key of the header, unless it has a key of its own."""
    trade_id, body = new_trade(**own)
    assert quiet.submit(body, Idempotency_Key="key-1").status_code == 202
    seen = quiet.inbox.accepted_trade(trade_id)
    assert seen is not None
    entry = quiet.inbox.entry(seen.partition_key, seen.position)
    assert entry is not None
    assert b'"idempotencyKey":' + expected in entry.submission.document


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "host/x",
        "http://",
        "http:///x",
        "http://host:99999/",
        "http://[::1/",
        "http://a b/",
        "javascript:alert(1)",
        "http://host/" + "x" * 2000,
    ],
)
def test_invalid_callback_url_is_refused(quiet: Deployment, url: str) -> None:
    """A callback URL that is not a well-formed http(s) URL of up to 2,000 characters is a 400."""
    response = quiet.submit(new_trade()[1], X_Callback_Url=url)
    assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["X-Callback-Url"]


def test_preferred_wait_runs_out(quiet: Deployment) -> None:
    """With `Prefer: wait=1` and no worker, the 202 comes after a second and names the wait."""
    begin = time.monotonic()
    response = quiet.submit(new_trade()[1], Prefer="respond-async, wait=1")
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=1"
    assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("preference", ["wait", "wait=", "wait=-1", "wait=x", "wait=0", "a=1"])
def test_preference_that_means_nothing_is_ignored(quiet: Deployment, preference: str) -> None:
    """The API ignores a preference that it does not understand (RFC 7240)."""
    response = quiet.submit(new_trade()[1], Prefer=preference)
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


@pytest.mark.workers
def test_preferred_wait_is_answered_when_captured(fleet: Deployment) -> None:
    """With `Prefer: wait=N`, a trade that is captured in time gets the response of its GET."""
    trade_id, body = new_trade()
    response = fleet.submit(body, Prefer="wait=30")
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    assert response.json()["status"] == "CAPTURED"
    assert response.content == fleet.trade(trade_id).content
    again = fleet.submit(body, Prefer="Wait=99")
    assert again.headers["preference-applied"] == "wait=30"
    assert again.headers["idempotency-status"] == "duplicate"
    assert again.content == response.content


@pytest.mark.workers
@hypothesis_settings(max_examples=20)
@given(value=exact_values, price=exact_values)
def test_decimals_come_back_digit_for_digit(
    fleet: Deployment, value: Decimal, price: Decimal
) -> None:
    """A captured trade is returned byte for byte as it was sent, with all its digits."""
    trade_id, body = new_trade(
        tradeLots=[lot(value, str(price)), {"priceQuantity": [{"quantity": [{"value": value}]}]}],
        metadata={"rate": value},
    )
    fleet.submit(body, Prefer="wait=30")
    answer = fleet.trade(trade_id).content
    assert answer.endswith(b',"trade":' + body + b"}")


def test_refusal_echoes_the_correlation_id(quiet: Deployment) -> None:
    """A refused request gets its own correlation id back."""
    headers = JSON | {"X-Correlation-ID": "mine"}
    response = quiet.http.post(CAPTURE, content=b"{", headers=headers)
    assert response.headers["x-correlation-id"] == "mine"
