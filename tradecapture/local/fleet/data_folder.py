"""The data folder of `tradecapture up`: its files, its lock, and the record of what runs."""

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

LOCK_TIMEOUT_SECONDS = 1.0  # a command that reads what runs holds the lock for a moment
REPLY_TIMEOUT_SECONDS = 1.0  # for one reply of a Redis on this machine


class RunningFleet(Struct, frozen=True, rename="camel"):
    """The record of what one `up` runs, and where."""

    process_id: int  # of `up` itself
    redis_url: str
    database_url: str
    api_url: str
    flower_url: str | None
    process_ids: Mapping[str, int]  # program -> process id

    @classmethod
    def read(cls, file: Path) -> "RunningFleet | None":
        """Return the record in a file; None: there is none, or it cannot be read."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, file: Path) -> None:
        """Replace the record in a file. Only this user may read it: a URL may have a password."""
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        new.replace(file)

    def living_processes(self) -> set[int]:
        """Return the ids of the programs' processes that still run."""
        return {process_id for process_id in self.process_ids.values() if _is_alive(process_id)}


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True


class DataFolder:
    """A folder that keeps the data of one local fleet."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self.ledger = self.path / "ledger.db"
        self._lock = self.path / "lock"  # locked while an `up` runs; holds its process id
        self._record = self.path / "running.json"
        self._redis_port = self.path / "redis.port"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folders, and keep every other `up` out for the length of a with block.

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
            if not wait_until(
                lambda: _try_lock(lock.fileno(), fcntl.LOCK_EX), LOCK_TIMEOUT_SECONDS
            ):
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
                if self.running_fleet():
                    self._record.unlink()

    def running_fleet(self) -> RunningFleet | None:
        """Return what runs here; None: no `up` uses this folder, or it is not ready yet."""
        try:
            with self._lock.open() as lock:
                if _try_lock(lock.fileno(), fcntl.LOCK_SH):
                    return None
                lock_holder = lock.read()
        except OSError:
            return None
        fleet = RunningFleet.read(self._record)
        # An `up` that was killed leaves its record behind.
        return fleet if fleet and str(fleet.process_id) == lock_holder else None

    def record(self, fleet: RunningFleet) -> None:
        """Record what runs, for commands in other terminals."""
        fleet.write(self._record)

    def redis_port(self) -> int:
        """Return the port of this folder's Redis, and keep it unless another program takes it.

        Raises:
            LocalSetupError: a Redis that an earlier run left running still uses this folder.
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
        """Raise if the server on a port is this folder's Redis: two would ruin the shared file."""
        try:
            with connect_redis(f"redis://{LOOPBACK}:{port}", REPLY_TIMEOUT_SECONDS) as redis:
                folder = redis.config_get("dir")["dir"]
                processes = {int(redis.info("server")["process_id"])}
        except TimeoutError as error:
            raise LocalSetupError(
                f"the Redis of {self.path} had port {port}, and the program that has this port now "
                "does not answer. It may be that Redis, so nothing was started: end it, or, if it "
                f"is another program, delete {self._redis_port}",
            ) from error
        except RedisError:
            return
        if folder is None or Path(folder).resolve() != self.redis.resolve():
            return
        fleet = RunningFleet.read(self._record)
        processes |= fleet.living_processes() if fleet else set()
        raise LocalSetupError(
            f"an earlier `tradecapture up` on {self.path} was killed, and its programs still run; "
            f"the trades are safe. End them with `kill {' '.join(map(str, sorted(processes)))}`, "
            "then start again",
        )


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
