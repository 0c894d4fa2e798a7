"""The data folder of `tradecapture up`: what is where in it, who uses it, and what runs."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct
from redis.exceptions import RedisError, TimeoutError

from tradecapture.inbox import connect_redis
from tradecapture.local.fleet.errors import LocalSetupError
from tradecapture.local.servers.ports import LOOPBACK, free_port, is_free
from tradecapture.local.servers.server import wait_until


class Running(Struct, frozen=True, rename="camel"):
    """What an `up` runs, and where."""

    process_id: int  # of `up` itself
    redis_url: str
    database_url: str
    api_url: str
    flower_url: str | None
    process_ids: Mapping[str, int]  # program -> process

    @classmethod
    def read(cls, file: Path) -> "Running | None":
        """Return the record in a file; None: there is none that can be read."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, file: Path) -> None:
        """Replace the record in a file, for this user only: a URL may carry a password."""
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        new.replace(file)

    def left(self) -> set[int]:
        """Return which of the processes are there, after `up` itself was killed."""
        return {process for process in self.process_ids.values() if _is_there(process)}


def _is_there(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True


LOCK_SECONDS = 1.0  # a command that looks whether the folder is used holds its lock for a moment
ANSWER_SECONDS = 1.0  # for one answer of a Redis on this machine


class DataFolder:
    """A folder that keeps the data of one local fleet."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self.ledger = self.path / "ledger.db"
        self._lock = self.path / "lock"  # held while an `up` runs; holds its process id
        self._running = self.path / "running.json"
        self._redis_port = self.path / "redis.port"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folders, and keep every other `up` out for the length of a with block.

        Raises:
            LocalSetupError: another `up` uses the folder, or it cannot be written.
        """
        try:
            for folder in (self.path, self.redis, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a")
        except OSError as error:
            raise LocalSetupError(f"--data {self.path} cannot be used: {error}") from error
        with lock:
            if not wait_until(lambda: _take(lock.fileno(), fcntl.LOCK_EX), LOCK_SECONDS):
                raise LocalSetupError(
                    f"another `tradecapture up` uses {self.path}. It runs on and nothing was "
                    "changed: stop it with Ctrl-C in its terminal, or give another folder with "
                    "--data",
                )
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                if self.running():
                    self._running.unlink()

    def running(self) -> Running | None:
        """Return what runs here; None: no `up` uses this folder, or it is not ready yet."""
        try:
            with self._lock.open() as lock:
                if _take(lock.fileno(), fcntl.LOCK_SH):
                    return None
                holder = lock.read()
        except OSError:
            return None
        record = Running.read(self._running)
        # A record of another process was left by an `up` that was killed.
        return record if record and str(record.process_id) == holder else None

    def note_running(self, running: Running) -> None:
        """Write down what runs."""
        running.write(self._running)

    def redis_port(self) -> int:
        """Return the port of this folder's Redis: chosen once and kept while nobody else has it.

        Raises:
            LocalSetupError: a Redis that an earlier run left behind still uses this folder.
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
        """Make sure that the server on a port is not ours: two would ruin the file of both."""
        try:
            with connect_redis(f"redis://{LOOPBACK}:{port}", ANSWER_SECONDS) as redis:
                folder = redis.config_get("dir")["dir"]
                processes = {int(redis.info("server")["process_id"])}
        except TimeoutError as error:
            raise LocalSetupError(
                f"the Redis of {self.path} used port {port}, which a program has that does not "
                "answer. It may be that Redis, so nothing was started: end it, or, if it is "
                f"another program, delete {self._redis_port}",
            ) from error
        except RedisError:
            return
        if folder is None or Path(folder).resolve() != self.redis.resolve():
            return
        record = Running.read(self._running)
        processes |= record.left() if record else set()
        raise LocalSetupError(
            f"an earlier `tradecapture up` on {self.path} was killed, and its programs still run; "
            f"the trades are safe. End them with `kill {' '.join(map(str, sorted(processes)))}`, "
            "then start again",
        )


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
