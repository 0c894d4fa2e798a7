"""scripts/audit.py, which fails on a vulnerable package and reports an unreachable service."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support import ROOT
from tradecapture.local.servers.ports import LOOPBACK

pytest.importorskip("pip_audit", reason="`pip install 'tradecapture[check]'` brings it")

NOWHERE = "http://127.0.0.1:1/v1/query"
VULNERABILITY = {
    "id": "TEST-1",
    "summary": "Made up.",
    "affected": [
        {
            "package": {"name": "kombu", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Service:
    """A vulnerability service that answers as OSV does."""

    def __init__(self, answer: Callable[[str], tuple[int, Any]]) -> None:
        """Listen on a free port; `answer` maps a package's name to a status and a body."""
        self.queried: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            """Answers queries."""

            def do_POST(self) -> None:
                """Answer the query for one package."""
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.queried.append(query["package"]["name"])
                status, body = answer(query["package"]["name"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *words: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}/v1/query"


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str], tuple[int, Any]]], Service]]:
    """Return a function that starts a service, which ends with the test."""
    started: list[Service] = []

    def start(answer: Callable[[str], tuple[int, Any]]) -> Service:
        service = Service(answer)
        threading.Thread(target=service.server.serve_forever, daemon=True).start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.server.shutdown()
        service.server.server_close()


def test_sound_packages_pass(serve: Callable[..., Service]) -> None:
    """The audit queries every package that the fleet needs, and none that only tests need."""
    service = serve(lambda _name: (200, {}))
    code, output = _audit(service.url)
    assert code == 0, output
    assert f"{len(service.queried)} packages audited, 0 vulnerable" in output
    assert {"celery", "kombu", "redis", "hiredis", "vine", "psycopg-binary"} <= set(service.queried)
    assert not {"pytest", "hypothesis", "ruff", "tradecapture"} & set(service.queried)


def test_a_known_vulnerability_fails(serve: Callable[..., Service]) -> None:
    """The audit fails, and names the vulnerability and the version that fixes it."""
    service = serve(lambda name: (200, {"vulns": [VULNERABILITY]} if name == "kombu" else {}))
    code, output = _audit(service.url)
    assert code == 1, output
    assert "kombu" in output
    assert "TEST-1, fixed in 99.1" in output


def test_a_service_out_of_reach_is_said_and_fails_nothing() -> None:
    """Without the service the audit says so and succeeds, so that an offline build can go on."""
    code, output = _audit(NOWHERE)
    assert code == 0
    assert output.startswith("not audited: ")
    assert "Connection refused" in output


def test_a_service_that_fails_is_said_and_fails_nothing(serve: Callable[..., Service]) -> None:
    """The audit reports an error of the service as "not audited", not as "0 vulnerable"."""
    code, output = _audit(serve(lambda _name: (500, {})).url)
    assert code == 0
    assert output.startswith("not audited: ")


def _audit(service: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, "scripts/audit.py", "--service", service],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr
