"""nginx.conf in a real nginx, which retries only submissions when an API fails."""

import uuid
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.support import ROOT
from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.docker import IMAGE, DockerError, docker
from tradecapture.local.servers.ports import LOOPBACK, free_port

pytestmark = pytest.mark.docker

CONFIGURATION = f"{ROOT / 'nginx.conf'}:/etc/nginx/nginx.conf:ro"
# The options with which docker-compose.scale.yml starts nginx.
RESTRICTED = ("--user", "101:101", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
REQUESTS = 20  # enough that nginx sends some to each of the two APIs

# Reads a request, and then answers or hangs up. If it hangs up, a client cannot know whether it
# has processed the request.
_API = """
import http.server, sys
class Api(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if sys.argv[1] == "fails":
            self.connection.close()
            return
        self.send_response(202)
        for name in ("X-Correlation-ID", "X-Request-ID"):
            self.send_header(name, self.headers[name])
        self.send_header("Content-Length", "0")
        self.end_headers()
    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass
http.server.ThreadingHTTPServer(("", 8080), Api).serve_forever()
"""


@pytest.fixture
def half_failing_url(nginx_image: str) -> Iterator[str]:
    """The URL of an nginx before an API that answers, and one that hangs up after each request."""
    name = f"tradecapture-test-{uuid.uuid4().hex[:8]}"
    port = free_port()
    docker("network", "create", name)
    try:
        options = ("--network", name, "--detach", "--rm")
        for kind in ("answers", "fails"):
            docker(
                *("run", *options, "--name", f"{name}-{kind}", "--network-alias", "api"),
                *("--no-healthcheck", IMAGE, "python", "-c", _API, kind),
            )
        docker(
            *("run", *options, "--name", f"{name}-nginx", *RESTRICTED, "--volume", CONFIGURATION),
            *("--publish", f"{LOOPBACK}:{port}:8080", nginx_image, "nginx", "-g", "daemon off;"),
        )
        wait_for("nginx answers", lambda: _is_up(f"http://{LOOPBACK}:{port}"))
        yield f"http://{LOOPBACK}:{port}"
    finally:
        for kind in ("answers", "fails", "nginx"):
            with suppress(DockerError):
                docker("rm", "--force", f"{name}-{kind}")
        docker("network", "rm", name)


def test_nginx_understands_its_configuration(nginx_image: str) -> None:
    """The configuration is valid without root, without rights, on a read-only disk."""
    docker(
        *("run", "--rm", "--network", "none", *RESTRICTED, "--volume", CONFIGURATION),
        *(nginx_image, "nginx", "-t"),
    )


@pytest.mark.parametrize("path", ["/api/v1/trades/capture", "/api/v1/trades/capture/batch"])
def test_a_submission_is_sent_again_to_an_api_that_answers(
    half_failing_url: str, path: str
) -> None:
    """Nginx sends a failed submission to the other API, which recognises a resend by its id."""
    answers = _post_many(half_failing_url + path)
    assert [answer.status_code for answer in answers] == [202] * REQUESTS


def test_another_post_is_never_sent_again(half_failing_url: str) -> None:
    """Nginx answers another failed POST with 503, because an API may have processed it."""
    # After three failures nginx skips an API for a while, so most requests get an answer.
    codes = [answer.status_code for answer in _post_many(f"{half_failing_url}/callback")]
    assert set(codes) == {202, 503}


def test_operators_deeds_do_not_pass(half_failing_url: str) -> None:
    """Nginx answers 403 to an action on a partition, because the API has no authentication."""
    answer = httpx.post(f"{half_failing_url}/api/v1/partitions/A_B_C/pause", content=b"{}")
    assert answer.status_code == 403


def test_every_request_has_ids(half_failing_url: str) -> None:
    """Nginx keeps a client's correlation id, and makes one for a request without."""
    url = f"{half_failing_url}/api/v1/trades/capture"
    with_id = httpx.post(url, content=b"{}", headers={"X-Correlation-ID": "mine-1"})
    without_id = httpx.post(url, content=b"{}")
    assert with_id.headers["X-Correlation-ID"] == "mine-1"
    assert without_id.headers["X-Correlation-ID"] == without_id.headers["X-Request-ID"]
    assert len(without_id.headers["X-Request-ID"]) == 32


def _post_many(url: str) -> list[httpx.Response]:
    with httpx.Client() as client:
        return [client.post(url, content=b"{}") for _ in range(REQUESTS)]


def _is_up(url: str) -> bool:
    try:
        # nginx answers, and has found the API that answers.
        health = httpx.get(f"{url}/nginx/health").text == "up\n"
        return health and httpx.post(f"{url}/callback", content=b"{}").status_code == 202
    except httpx.TransportError:
        return False
