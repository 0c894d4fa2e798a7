"""The data folder of `tradecapture up`: what is where in it, who uses it, and what runs."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct
from redis.exceptions import RedisError

from tradecapture.cli.failure import USAGE, CommandError
from tradecapture.inbox import connect_redis
from tradecapture.local.ports import LOOPBACK, free_port, is_free
from tradecapture.local.waiting import wait_until

LOCK_SECONDS = 1.0  # a command that looks whether the folder is used holds its lock for a moment
ANSWER_SECONDS = 1.0  # for one answer of a Redis on this machine


class Running(Struct, frozen=True, rename="camel"):
    """What an `up` runs: kept in running.json for the commands of another terminal."""

    process_id: int
    redis_url: str
    database_url: str
    api_url: str
    flower_url: str | None
    process_ids: Mapping[str, int]  # program -> process


class DataFolder:
    """A folder that keeps the data of one local fleet."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self.ledger = self.path / "ledger.db"
        self._lock = self.path / "lock"
        self._running = self.path / "running.json"
        self._redis_port = self.path / "redis.port"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folders, and keep every other `up` out for the length of a with block.

        Raises:
            CommandError: another `up` uses the folder, or it cannot be written.
        """
        try:
            for folder in (self.path, self.redis, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a")
        except OSError as error:
            raise CommandError(f"--data {self.path} cannot be used: {error}", USAGE) from error
        with lock:
            if not wait_until(lambda: _take(lock.fileno(), fcntl.LOCK_EX), LOCK_SECONDS):
                raise CommandError(
                    f"another `tradecapture up` uses {self.path}. It runs on and nothing was "
                    "changed: stop it with Ctrl-C in its terminal, or give another folder with "
                    "--data",
                    USAGE,
                )
            # Whose lock it is tells a record that is right from one that a killed `up` left.
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                if self.running_now():
                    self._running.unlink()

    def running(self) -> Running | None:
        """Return what runs here; None: no `up` uses this folder, or it is not ready yet."""
        try:
            with self._lock.open() as lock:
                if _take(lock.fileno(), fcntl.LOCK_SH):
                    return None  # a record that is still there is of an `up` that was killed
            return msgspec.json.decode(self._running.read_bytes(), type=Running)
        except (OSError, msgspec.DecodeError):
            return None

    def note_running(self, running: Running) -> None:
        """Write down what runs, for this user only: a URL may carry a password."""
        new = self._running.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2))
        new.replace(self._running)

    def redis_port(self) -> int:
        """Return the port of this folder's Redis: chosen once and kept while nobody else has it.

        Raises:
            CommandError: programs that an earlier run left behind still use this folder.
        """
        try:
            port = int(self._redis_port.read_text())
        except (OSError, ValueError):
            port = 0
        if port and not is_free(port):
            self._refuse_own_redis(port)
            port = 0
        if not port:
            port = free_port()
            self._redis_port.write_text(f"{port}\n")
        return port

    def _refuse_own_redis(self, port: int) -> None:
        """Two servers on one append-only file would ruin it."""
        with connect_redis(f"redis://{LOOPBACK}:{port}", ANSWER_SECONDS) as redis:
            try:
                folder = redis.config_get("dir")["dir"]
                own = {int(redis.info("server")["process_id"])}
            except RedisError:
                return
        if folder is None or Path(folder).resolve() != self.redis.resolve():
            return
        with suppress(OSError, msgspec.DecodeError):
            record = msgspec.json.decode(self._running.read_bytes(), type=Running)
            own |= {process for process in record.process_ids.values() if _is_alive(process)}
        raise CommandError(
            f"an earlier `tradecapture up` on {self.path} was killed, and its programs still run; "
            f"the trades are safe. End them with `kill {' '.join(map(str, sorted(own)))}`, "
            "then start again",
            USAGE,
        )


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
