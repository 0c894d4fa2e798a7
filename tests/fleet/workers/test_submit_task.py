"""Trades that are submitted as Celery tasks."""

from decimal import Decimal

from celery import Celery

from tests.support.builders import PARTITION, submission, trade
from tests.support.deployment.completion import wait_for
from tests.support.deployment.workers import StartWorker, on_each_broker
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import SUBMIT_TASK
from tradecapture.trades.document import encode
from tradecapture.trades.partition import lane_of


@on_each_broker
def test_a_trade_sent_as_json_text_is_captured_as_it_is(
    gateway: Gateway, sender: Celery, start_worker: StartWorker
) -> None:
    """The document in the ledger is the text of the task, byte for byte."""
    start_worker("w").wait_ready()
    text = encode(trade(tradeId="AS-TEXT")).decode()

    sender.send_task(SUBMIT_TASK, args=(text,))

    wait_for("it is captured", lambda: _state(gateway, "AS-TEXT") == "CAPTURED")
    status = gateway.status("AS-TEXT")
    assert status is not None
    assert status.document == text.encode()


@on_each_broker
def test_a_mapping_with_decimals_is_exact_and_one_with_floats_is_refused(
    gateway: Gateway, sender: Celery, start_worker: StartWorker
) -> None:
    """A Decimal keeps every digit. A float may differ from the decimal that was meant."""
    worker = start_worker("w").wait_ready()
    exact, inexact = trade(tradeId="EXACT"), trade(tradeId="INEXACT")
    _first_quantity(exact)["value"] = Decimal("12345678901234567890.12345678")
    _first_quantity(inexact)["value"] = 0.1

    sender.send_task(SUBMIT_TASK, args=(exact,))
    sender.send_task(SUBMIT_TASK, args=(inexact,))

    wait_for("it is captured", lambda: _state(gateway, "EXACT") == "CAPTURED")
    status = gateway.status("EXACT")
    assert status is not None
    assert b"12345678901234567890.12345678" in (status.document or b"")
    wait_for("it is refused", lambda: b"binary float" in worker.log.read_bytes())
    assert gateway.status("INEXACT") is None


@on_each_broker
def test_a_trade_for_which_there_is_no_room_is_tried_again(
    gateway: Gateway, sender: Celery, start_worker: StartWorker
) -> None:
    """The task is retried until the inbox has room, since its sender does not resend the trade."""
    document = trade(tradeId="NO-ROOM")
    gateway.inbox.accept([submission("FIRST")])
    claim = gateway.inbox.claim(lane_of(PARTITION, gateway.settings.lanes), "somebody", 0.0)
    assert claim is not None
    gateway.inbox.clear_bell(claim.lane)  # as if no bell had been sent
    worker = start_worker("w", limit_partition=1).wait_ready()

    sender.send_task(SUBMIT_TASK, args=(encode(document).decode(),))

    wait_for("there is no room", lambda: b"Retry in" in worker.log.read_bytes())
    assert gateway.status("NO-ROOM") is None
    gateway.inbox.postpone(claim.lane, claim.token, claim.partition_keys, 0.0)
    wait_for("both are captured", lambda: _state(gateway, "NO-ROOM") == "CAPTURED")
    assert _state(gateway, "FIRST") == "CAPTURED"


def _state(gateway: Gateway, trade_id: str) -> str | None:
    status = gateway.status(trade_id)
    return status.status if status else None


def _first_quantity(document: dict[str, object]) -> dict[str, object]:
    quantity = document["tradeLots"][0]["priceQuantity"][0]["quantity"][0]  # type: ignore[index]
    assert isinstance(quantity, dict)
    return quantity
