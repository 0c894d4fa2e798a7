"""The service under test: the requests of its public HTTP API that the test needs."""

from http import HTTPStatus

import httpx
import msgspec

from benchmarks.performance.connections import Connections
from tradecapture.api.http.media_types import JSON
from tradecapture.api.http.paths import BASE, CAPTURE
from tradecapture.api.management.bodies import ManagementHealthBody
from tradecapture.api.submission.bodies import AcceptedBody
from tradecapture.capture.status import TradeBody
from tradecapture.cli.errors import EXIT_UNREACHABLE, CommandError
from tradecapture.trades.lifecycle import ExpectedOutcome

HEALTH = "/actuator/health"
ANSWER_TIMEOUT_SECONDS = 10.0  # twenty times the target; later answers count as missing


class Service:
    """A deployment's HTTP API, with one connection for each concurrent request."""

    def __init__(self, base_url: str) -> None:
        self._connections = Connections(base_url, ANSWER_TIMEOUT_SECONDS)

    async def submit(self, body: bytes) -> str:
        """Submit a trade; return an empty text if it was accepted, otherwise the reason."""
        try:
            response = await self._connections.request("POST", BASE + CAPTURE, body, JSON)
        except OSError as error:
            return f"no answer ({type(error).__name__})"
        if response.status != HTTPStatus.ACCEPTED:
            return f"answered {response.status}"
        expected = msgspec.json.decode(response.body, type=AcceptedBody).status
        return "" if expected is ExpectedOutcome.ACCEPTED else f"answered {expected}"

    async def trade(self, trade_id: str) -> TradeBody | None:
        """Return the status of a trade; None: there was no usable answer."""
        try:
            response = await self._connections.request("GET", f"{BASE}{CAPTURE}/{trade_id}")
        except OSError:
            return None
        if response.status != HTTPStatus.OK:
            return None
        return msgspec.json.decode(response.body, type=TradeBody)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()


def check_reachable(base_url: str) -> str:
    """Return the health that a deployment reports, UP or DOWN.

    Raises:
        CommandError: nothing answers there, or it is not tradecapture.
    """
    advice = (
        "Nothing was sent. Start a fleet in another terminal with `.venv/bin/tradecapture up`, or "
        "name the address of a running one: scripts/performance-test.sh http://HOST:PORT"
    )
    try:
        response = httpx.get(base_url + HEALTH, timeout=ANSWER_TIMEOUT_SECONDS)
        return msgspec.json.decode(response.content, type=ManagementHealthBody).status
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"no tradecapture answers at {base_url}: {error}. {advice}"
        raise CommandError(message, EXIT_UNREACHABLE) from error
    except msgspec.DecodeError as error:
        message = (
            f"what answers at {base_url} is not tradecapture: {HEALTH} was answered "
            f"{response.status_code}, without a status. {advice}"
        )
        raise CommandError(message, EXIT_UNREACHABLE) from error
