"""The preparation of a local fleet: checks everything before the first program starts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.local.fleet.data_folder import DataFolder
from tradecapture.local.fleet.errors import LocalSetupError
from tradecapture.local.fleet.programs import Fleet
from tradecapture.local.fleet.run import FleetRun, Progress
from tradecapture.local.servers.ports import LOOPBACK, is_free
from tradecapture.settings import DATABASE, REDIS, Settings


@contextmanager
def prepare_fleet(
    data: Path,
    report: Progress,
    environment: Mapping[str, str],
    *,
    api_port: int,
    flower_port: int,
    workers: int,
    concurrency: int,
) -> Iterator[FleetRun]:
    """Check ports and servers, lock the data folder and create the tables; start nothing yet.

    Args:
        data: the data folder.
        report: called with each line of progress.
        environment: the variables of the programs. A Redis or database that they name is used;
            otherwise the fleet gets its own.
        api_port: TCP port of the API.
        flower_port: TCP port of Flower; 0: no Flower.
        workers: number of workers.
        concurrency: pool processes of each worker.

    Raises:
        LocalSetupError: a port is taken, or the data folder is in use.
        SettingsError: a variable is not usable.
        LaneCountError: the named Redis was first used with another lane count.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a named server does not
            answer.
    """
    folder = DataFolder(data)
    with folder.locked():
        variables, redis_port = dict(environment), 0
        if not variables.get(REDIS, "").strip():
            redis_port = folder.redis_port()
            variables[REDIS] = f"redis://{LOOPBACK}:{redis_port}/0"
        if not variables.get(DATABASE, "").strip():
            variables[DATABASE] = f"sqlite:///{folder.ledger}"
        _check_ports({"--api-port": api_port, "--flower-port": flower_port})
        settings = Settings.from_environment(variables)
        fleet = Fleet(
            settings=settings,
            environment=variables,
            redis_folder=folder.redis if redis_port else None,
            redis_port=redis_port,
            logs=folder.logs,
            api_port=api_port,
            flower_port=flower_port,
            workers=workers,
            concurrency=concurrency,
        )
        if not redis_port:
            fleet.check_lane_count()
        with open_engine(settings) as (engine, _dialect):
            upgrade(engine)
        yield FleetRun(folder, fleet, report)


def _check_ports(ports: Mapping[str, int]) -> None:
    for option, port in ports.items():
        if port and not is_free(port):
            raise LocalSetupError(
                f"{option} {port} is taken by another program. Nothing was started: stop that "
                f"program, or give another port with {option}",
            )
    if len(set(ports.values())) < len(ports):
        raise LocalSetupError(f"{' and '.join(ports)} are the same: give two ports")
