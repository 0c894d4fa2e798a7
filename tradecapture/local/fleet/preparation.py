"""The preparation of a local fleet: everything is checked and made before anything starts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import make_engine
from tradecapture.local.fleet.data_folder import DataFolder
from tradecapture.local.fleet.errors import LocalSetupError
from tradecapture.local.fleet.programs import Fleet
from tradecapture.local.fleet.run import FleetRun, Progress
from tradecapture.local.servers.ports import LOOPBACK, is_free
from tradecapture.settings import DATABASE, REDIS, Settings


@contextmanager
def prepared(
    data: Path,
    say: Progress,
    environment: Mapping[str, str],
    *,
    api_port: int,
    flower_port: int,
    workers: int,
    concurrency: int,
) -> Iterator[FleetRun]:
    """Check ports and servers, lock the data folder and make the tables; start nothing yet.

    Raises:
        LocalSetupError: a port is taken, or the data folder is in use.
        SettingsError: a variable is not usable.
        LaneCountError: the Redis given was first used with another lane count.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a server given does not
            answer.
    """
    folder = DataFolder(data)
    with folder.locked():
        given, redis_port = dict(environment), 0
        if not given.get(REDIS, "").strip():
            redis_port = folder.redis_port()
            given[REDIS] = f"redis://{LOOPBACK}:{redis_port}/0"
        if not given.get(DATABASE, "").strip():
            given[DATABASE] = f"sqlite:///{folder.ledger}"
        _check_ports({"--api-port": api_port, "--flower-port": flower_port})
        settings = Settings.from_environment(given)
        fleet = Fleet(
            settings=settings,
            environment=given,
            redis_folder=folder.redis if redis_port else None,
            redis_port=redis_port,
            logs=folder.logs,
            api_port=api_port,
            flower_port=flower_port,
            workers=workers,
            concurrency=concurrency,
        )
        if not redis_port:
            fleet.check_lanes()
        _make_tables(settings)
        yield FleetRun(folder, fleet, say)


def _check_ports(ports: dict[str, int]) -> None:
    for option, port in ports.items():
        if port and not is_free(port):
            raise LocalSetupError(
                f"{option} {port} is taken by another program. Nothing was started: stop that "
                f"program, or give another port with {option}",
            )
    if len(set(ports.values())) < len(ports):
        raise LocalSetupError(f"{' and '.join(ports)} are the same: give two ports")


def _make_tables(settings: Settings) -> None:
    engine, _dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        upgrade(engine)
    finally:
        engine.dispose()
