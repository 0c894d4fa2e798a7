"""The service under test: the few requests of its public HTTP API that the test needs."""

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
# One that takes longer counts as not answered; twenty times the target.
ANSWER_SECONDS = 10.0


class Service:
    """A deployment's HTTP API, asked over as many connections as there are requests at once."""

    def __init__(self, base_url: str) -> None:
        self._connections = Connections(base_url, ANSWER_SECONDS)

    async def submit(self, body: bytes) -> str:
        """Submit a trade; return "" if it was accepted, else why not."""
        try:
            response = await self._connections.request("POST", BASE + CAPTURE, body, JSON)
        except OSError as error:
            return f"no answer ({type(error).__name__})"
        if response.status != HTTPStatus.ACCEPTED:
            return f"answered {response.status}"
        standing = msgspec.json.decode(response.body, type=AcceptedBody).status
        return "" if standing is ExpectedOutcome.ACCEPTED else f"answered {standing}"

    async def trade(self, trade_id: str) -> TradeBody | None:
        """Ask what became of a trade; None: there was no answer that says it."""
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
    """Return the health that a deployment states of itself, UP or DOWN.

    Raises:
        CommandError: nothing answers there, or something else than tradecapture.
    """
    advice = (
        "Nothing was sent. Start a fleet in another terminal with `.venv/bin/tradecapture up`, or "
        "name the address of a running one: scripts/performance-test.sh http://HOST:PORT"
    )
    try:
        response = httpx.get(base_url + HEALTH, timeout=ANSWER_SECONDS)
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
