"""The schedule of a soak: which fault when, worked out from a seed and nothing else."""

from enum import StrEnum
from random import Random
from typing import NamedTuple

FIRST_SECONDS = 2.0  # of undisturbed traffic
CALM_SECONDS = (2.0, 6.0)  # from the end of one fault to the next: less and more than a lease
LAST_SECONDS = 2.0  # of undisturbed traffic
VICTIMS = 1_000  # a victim is drawn as a number, and counted round what there is of its kind


class FaultKind(StrEnum):
    """What can be broken."""

    KILL_WORKER = "kill a worker"  # SIGKILL, main process and pool; started again after a while
    KILL_CHILD = "kill a pool child"  # SIGKILL; the main process replaces it
    FREEZE_WORKER = "freeze a worker"  # SIGSTOP for longer than its lease, then SIGCONT
    RESTART_WORKER = "restart a worker"  # SIGTERM: the batch in hand is finished
    KILL_API = "kill an API"  # SIGKILL; started again after a while
    RESTART_API = "restart an API"  # SIGTERM: the requests in hand are answered
    KILL_REDIS = "kill Redis"  # SIGKILL; started again from its append-only file
    FREEZE_REDIS = "freeze Redis"  # SIGSTOP, as a network that is cut: no answer, no error
    KILL_DATABASE = "kill PostgreSQL"  # SIGKILL; started again, it recovers from its log
    CUT_OFF_DATABASE = "cut off PostgreSQL"  # no answer, no error; what was sent arrives late
    CUT_CONNECTIONS = "cut connections"  # pg_terminate_backend, for all
    LOSE_COMMITS = "lose commits' answers"  # of the next ones; they have committed


# How long each lasts, in seconds; the others are done in a moment.
LASTS: dict[FaultKind, tuple[float, float]] = {
    FaultKind.KILL_WORKER: (0.5, 3.0),
    FaultKind.FREEZE_WORKER: (6.0, 8.0),  # a lease has 5
    FaultKind.KILL_API: (0.5, 3.0),
    FaultKind.KILL_REDIS: (0.2, 3.0),
    FaultKind.FREEZE_REDIS: (1.0, 7.0),
    FaultKind.KILL_DATABASE: (0.2, 5.0),
    FaultKind.CUT_OFF_DATABASE: (1.0, 7.0),
}


class PlannedFault(NamedTuple):
    """One fault of a schedule."""

    at_seconds: float  # after the beginning of the traffic
    kind: FaultKind
    lasts_seconds: float
    victim: int  # which of several, counted round


def schedule(seed: int, seconds: float) -> list[PlannedFault]:
    """Return the faults of a soak, one after the other; the same seed gives the same faults.

    Kinds come in shuffled rounds, so that even a short soak has many and a long one all.

    Args:
        seed: of all draws. A longer soak of the same seed begins with the faults of a shorter one.
        seconds: of traffic; the last fault ends a little before its end.
    """
    random = Random(seed)
    planned: list[PlannedFault] = []
    round_: list[FaultKind] = []
    at = FIRST_SECONDS
    while True:
        if not round_:
            round_ = list(FaultKind)
            random.shuffle(round_)
        kind = round_.pop()
        lasts = random.uniform(*LASTS.get(kind, (0.0, 0.0)))
        fault = PlannedFault(round(at, 2), kind, round(lasts, 2), random.randrange(VICTIMS))
        at += lasts + random.uniform(*CALM_SECONDS)
        if fault.at_seconds + fault.lasts_seconds + LAST_SECONDS > seconds:
            return planned
        planned.append(fault)
