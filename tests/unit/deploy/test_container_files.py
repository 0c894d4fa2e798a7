"""Dockerfile, compose files and nginx.conf, read as text, without a Docker engine."""

import re
from configparser import ConfigParser
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT
from tests.support.deployment.containers.images import NGINX, POSTGRESQL, REDIS, SQL_SERVER
from tradecapture.api.submission.headers import MAX_WAIT_SECONDS
from tradecapture.version import VERSION

FILES = sorted(path.name for path in ROOT.glob("docker-compose*.yml"))
SECRETS = ("DATABASE_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD")
PUBLISHED = {"api": "8080", "nginx": "8080", "flower": "5555"}  # and nothing else
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+) \\$", re.MULTILINE)


def services(name: str) -> dict[str, dict[str, Any]]:
    """Return the services of a compose file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / name).read_text())["services"]
    return found


def pinned(name: str) -> dict[str, str]:
    """Return the versions of a lock file."""
    text = (ROOT / name).read_text()
    return {canonicalize_name(found[1]): found[2] for found in _PIN.finditer(text)}


def test_the_lock_file_satisfies_setup_cfg() -> None:
    """Every dependency is locked, in a version that setup.cfg allows; otherwise run `make lock`."""
    configuration = ConfigParser()
    configuration.read(ROOT / "setup.cfg")
    asked = [
        Requirement(line)
        for line in configuration["options"]["install_requires"].split("\n")
        if line
    ]
    locked = pinned("requirements.lock")
    assert len(asked) >= 15
    for requirement in asked:
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(version), f"{requirement} is not {version}: make lock"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_every_locked_package_has_its_hashes(name: str) -> None:
    """Each package has one version and a hash for each file; pip refuses other files."""
    lines = [
        line for line in (ROOT / name).read_text().splitlines() if line[:1] not in ("#", " ", "")
    ]
    assert len(lines) == len(pinned(name)) > 0
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_image_runs_without_root_and_without_a_shell() -> None:
    """The last user is a number other than 0, and the command is a list, not a shell's text."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert [line for line in lines if line.startswith("CMD ")][-1].startswith('CMD ["')
    assert any(line.strip().startswith('CMD ["python", "-c"') for line in lines)  # the health check
    assert f"ARG VERSION={VERSION}" in lines


@pytest.mark.parametrize("name", FILES)
def test_no_password_is_typed_in(name: str) -> None:
    """Every password comes from the environment, and Compose refuses to start without it."""
    text = (ROOT / name).read_text()
    for line in text.splitlines():
        code = line.partition("#")[0]
        for variable in SECRETS:
            for use in re.findall(r"\$\{" + variable + r"[^}]*\}", code):
                assert use.startswith("${" + variable + ":?set " + variable), line
        if re.search(r"(PASSWORD|requirepass|AUTH)\b.*:\s*\S", code):
            assert "${" in code, f"{name}: {line}"


def test_the_example_names_every_secret_and_gives_none() -> None:
    """An unchanged copy of .env.example has no password, so Compose refuses to start."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert {f"{name}=" for name in SECRETS} <= set(lines)


@pytest.mark.parametrize("name", FILES)
def test_signals_reach_processes_and_checks_need_no_shell(name: str) -> None:
    """Commands and health checks are lists, which need no shell."""
    for service in services(name).values():
        assert isinstance(service.get("command", []), list)
        test = service.get("healthcheck", {}).get("test", ["CMD"])
        assert isinstance(test, list)
        assert test[0] == "CMD"


def test_services_with_trades_have_a_minute_to_stop() -> None:
    """Docker's default of 10 s would cut off a pool process that waits for its main process."""
    usual, scaled = services("docker-compose.yml"), services("docker-compose.scale.yml")
    stopped = [usual["api"], usual["worker"], usual["redis"], usual["database"], scaled["nginx"]]
    assert {service["stop_grace_period"] for service in stopped} == {"60s"}


def test_redis_keeps_what_it_accepted() -> None:
    """Redis syncs each write to disk before it answers, and evicts nothing."""
    command = " ".join(services("docker-compose.yml")["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert option in command
    assert services("docker-compose.yml")["redis"]["volumes"] == ["redis:/data"]


@pytest.mark.parametrize("name", FILES)
def test_only_entry_points_are_published_and_only_on_this_machine(name: str) -> None:
    """Redis and the database publish no port; with nginx, neither does the API."""
    for service, described in services(name).items():
        for port in described.get("ports", []):
            assert re.match(r"(127\.0\.0\.1|\$\{HTTP_ADDRESS:-127\.0\.0\.1\}):", port)
            assert port.rpartition(":")[2] == PUBLISHED[service]
    assert "ports" not in services("docker-compose.yml")["api"]


def test_everything_waits_for_the_tables() -> None:
    """API, worker and Flower start after the migration has succeeded."""
    usual = services("docker-compose.yml")
    for name in ("api", "worker", "flower"):
        assert usual[name]["depends_on"]["migration"] == {
            "condition": "service_completed_successfully"
        }
    assert usual["migration"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_the_images_of_the_tests_are_those_of_the_files() -> None:
    """The compose files and the script that makes stand-ins name the same images."""
    named = "".join((ROOT / name).read_text() for name in FILES)
    script = (ROOT / "scripts" / "containers-for-tests").read_text()
    for image in (NGINX, POSTGRESQL, REDIS, SQL_SERVER):
        assert image in named
        assert f"={image}" in script


def test_nginx_sends_only_submissions_again() -> None:
    """Only the location of submissions has `non_idempotent`; all wait longer than `Prefer`."""
    text = re.sub(r"#.*", "", (ROOT / "nginx.conf").read_text())
    locations = re.findall(r"location ([^{]+)\{([^}]*(?:\{[^}]*\}[^}]*)*)\}", text)
    (again,) = [place.strip() for place, body in locations if "non_idempotent" in body]
    pattern = re.compile(again.removeprefix("~ "))
    assert text.count("non_idempotent") == 1
    for path in ("/api/v1/trades/capture", "/api/v1/trades/capture/batch"):
        assert pattern.search(path)
    for path in ("/api/v1/partitions/A/skip", "/api/v1/trades/capture/T-1", "/callback"):
        assert not pattern.search(path)
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", text)
    assert int(seconds) > MAX_WAIT_SECONDS
    assert "least_conn;" in text
    assert re.search(r"server api:8080 resolve max_fails=\d+ fail_timeout=\d+s;", text)
