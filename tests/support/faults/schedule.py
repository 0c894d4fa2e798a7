"""Plans the faults of a soak from a seed alone: which fault comes when."""

from enum import StrEnum
from random import Random
from typing import NamedTuple

FIRST_SECONDS = 2.0  # of undisturbed traffic before the first fault
# From the end of one fault to the next. A lease takes 5 s: some pauses are shorter, some longer.
CALM_SECONDS = (2.0, 6.0)
LAST_SECONDS = 2.0  # of undisturbed traffic after the last fault
VICTIMS = 1_000  # victims are random numbers below this; taken modulo the number of targets


class FaultKind(StrEnum):
    """The kinds of fault that a soak injects."""

    KILL_WORKER = "kill a worker"  # SIGKILL, main process and pool; started again after a while
    KILL_CHILD = "kill a pool child"  # SIGKILL; the main process replaces it
    FREEZE_WORKER = "freeze a worker"  # SIGSTOP for longer than its lease, then SIGCONT
    RESTART_WORKER = "restart a worker"  # SIGTERM: it finishes its current batch
    KILL_API = "kill an API"  # SIGKILL; started again after a while
    RESTART_API = "restart an API"  # SIGTERM: it answers its open requests
    KILL_REDIS = "kill Redis"  # SIGKILL; started again from its append-only file
    FREEZE_REDIS = "freeze Redis"  # SIGSTOP, like a network that is cut: no answer, no error
    KILL_DATABASE = "kill PostgreSQL"  # SIGKILL; started again, it recovers from its log
    CUT_OFF_DATABASE = "cut off PostgreSQL"  # no answer, no error; what was sent arrives late
    CUT_CONNECTIONS = "cut connections"  # pg_terminate_backend, for all
    LOSE_COMMITS = "lose commits' answers"  # the next transactions commit; their answers are lost


# How long each fault lasts, in seconds from and to; the others take no time.
LASTS: dict[FaultKind, tuple[float, float]] = {
    FaultKind.KILL_WORKER: (0.5, 3.0),
    FaultKind.FREEZE_WORKER: (6.0, 8.0),  # longer than a lease, which takes 5 s
    FaultKind.KILL_API: (0.5, 3.0),
    FaultKind.KILL_REDIS: (0.2, 3.0),
    FaultKind.FREEZE_REDIS: (1.0, 7.0),
    FaultKind.KILL_DATABASE: (0.2, 5.0),
    FaultKind.CUT_OFF_DATABASE: (1.0, 7.0),
}


class PlannedFault(NamedTuple):
    """One fault of a schedule."""

    at_seconds: float  # from the start of the traffic
    kind: FaultKind
    lasts_seconds: float
    victim: int  # index of the target, modulo the number of targets of its kind


def schedule(seed: int, seconds: float) -> list[PlannedFault]:
    """Return the faults of a soak, one after the other; the same seed gives the same faults.

    Each round has every kind once, in random order. Even a short soak therefore has many kinds.

    Args:
        seed: of the random numbers. A longer soak starts with the faults of a shorter one.
        seconds: of traffic; the last fault ends before the traffic does.
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
