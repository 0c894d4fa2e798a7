"""Keys: a lane lives in one Redis Cluster slot, and each script declares the keys it touches."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from redis.client import Monitor
from redis.crc import key_slot

from tests.support.builders import PARTITION, partition_of, submission, submissions
from tests.support.inbox.promotion import promote
from tradecapture.inbox import Completion, Hold, Inbox, scripts
from tradecapture.inbox.backlog import read_load
from tradecapture.inbox.keys import LANES_KEY, lane_keys
from tradecapture.inbox.scripts import NAMES
from tradecapture.trades.partition import PartitionKey

KEYS = lane_keys(7)
LANE_KEY_NAMES = {name for name in KEYS._fields if name != "prefix"}
PARTITION_KEY_NAMES = {"inbox", "lock", "seen", "ahead"}
KEYLESS = ("TIME", "INFO")  # commands that touch no key
END = "end of the run"


class Run(NamedTuple):
    """One run of a script: the keys that it was given, and the keys that its commands touched."""

    given: list[str]
    touched: set[str]


def source_of(script: str) -> str:
    """Return the text of a script as Redis runs it: with its parts of `common.lua`."""
    return scripts._SOURCES[script]


def header_keys(script: str) -> dict[str, str]:
    """Return the keys that a script's header declares: name -> kind of value, in their order."""
    pattern = r"^--.*?(?:\d |<prefix>)(\w+)(?::<[\w ]+>)? +(sorted set|string|hash|list)"
    return dict(re.findall(pattern, source_of(script), flags=re.MULTILINE))


def name_of(key: str) -> str:
    """Return what the scripts' headers call a key of lane 0."""
    return key.removeprefix("tc:{0}:").split(":")[0]


def run_every_script(inbox: Inbox) -> None:
    """Run every script, through each of its branches."""
    one, two = partition_of("B1"), partition_of("B2")
    inbox.accept([*submissions(3, "B1"), *submissions(2, "B2")])
    promote(inbox.redis)
    inbox.accept(submissions(1, "B1"))
    inbox.accept([submission(f"N-{n}", "B1", sequenceNumber=n) for n in (1, 3, 2)])
    inbox.hold(two, Hold.halt("a reason"))
    claim = inbox.claim(0, "owner", 0)
    assert claim is not None
    read_load(inbox.redis, inbox._settings)
    inbox.renew(0, claim.token, claim.partition_keys)
    inbox.complete(0, claim.token, [Completion(one, 1)])
    taken = inbox.claim_one(two, "ann", 1)
    assert taken is not None
    inbox.postpone(0, taken.token, [two], 0)
    taken = inbox.claim_one(two, "ann", 1)
    assert taken is not None
    inbox.complete(0, taken.token, [Completion(two, 0, upstream_number=7)])
    inbox.unhold(two)
    claim = inbox.claim(0, "owner", 0)
    assert claim is not None
    inbox.postpone(0, claim.token, [one], 0)
    inbox.complete(0, claim.token, [Completion(two, 1, hold="halted")])
    inbox.redis.zadd(lane_keys(0).due, {one: 0, two: 0})
    inbox.redis.set(lane_keys(0).lock(one), "another's")
    inbox.claim(0, "owner", 0)
    inbox.redis.zadd(lane_keys(0).due, {one: 0})
    inbox.clear_bell(0)
    assert inbox.reserve_bells() == [0]


@pytest.fixture
def runs(inbox: Inbox) -> dict[str, list[Run]]:
    """The runs of each script, as the MONITOR of Redis shows them."""
    script_of = {}
    for script in NAMES:
        script_of[inbox.redis.script_load(source_of(script))] = script
    seen: dict[str, list[Run]] = defaultdict(list)
    with inbox.redis.monitor() as monitor:
        run_every_script(inbox)
        inbox.redis.echo(END)
        for command, by_lua in _commands(monitor):
            if command[0].upper() == "EVALSHA":
                given = [name_of(key) for key in command[3 : 3 + int(command[2])]]
                seen[script_of[command[1]]].append(Run(given, set()))
                last = seen[script_of[command[1]]][-1]
            elif by_lua and command[0].upper() not in KEYLESS:
                keys = command[1 : 3 if command[0].upper() == "COPY" else 2]
                last.touched.update(map(name_of, keys))
    return seen


def _commands(monitor: Monitor) -> Iterator[tuple[list[str], bool]]:
    while True:
        seen = monitor.next_command()
        if END in seen["command"]:
            return
        # Bodies of trades contain any bytes. The keys come first and contain no blank and no quote.
        yield seen["command"].split(" "), seen["client_type"] == "lua"


@pytest.mark.parametrize("script", NAMES)
def test_a_script_touches_the_keys_in_its_header(script: str, runs: dict[str, list[Run]]) -> None:
    """Its header lists exactly the keys that Redis sees it touch."""
    touched = set().union(*(run.touched for run in runs[script]))
    assert touched == header_keys(script).keys()


@pytest.mark.parametrize("script", NAMES)
def test_a_script_is_given_its_keys_in_the_order_of_its_header(
    script: str, runs: dict[str, list[Run]]
) -> None:
    """KEYS[1], KEYS[2] … are what the header says."""
    lane_wide = [name for name in header_keys(script) if name not in PARTITION_KEY_NAMES]
    assert all(run.given == lane_wide for run in runs[script])


@pytest.mark.parametrize("script", NAMES)
def test_a_key_means_the_same_in_every_script(script: str) -> None:
    """The headers agree on the kind of each key, and name only keys that Python knows."""
    for name, kind in header_keys(script).items():
        assert name in LANE_KEY_NAMES | PARTITION_KEY_NAMES
        assert {header_keys(other).get(name, kind) for other in NAMES} == {kind}


def test_all_keys_of_a_lane_are_in_one_slot() -> None:
    """They share the lane's hash tag, so one script may touch them all on a cluster."""
    keys = [getattr(KEYS, name) for name in LANE_KEY_NAMES]
    keys += [
        KEYS.inbox(PARTITION),
        KEYS.lock(PartitionKey("{1}_B_C")),
        KEYS.seen("{2}"),
        KEYS.identity("{3}"),
    ]
    assert len({key_slot(key.encode()) for key in keys}) == 1
    assert all(key.startswith("tc:{7}:") for key in keys)


def test_no_two_keys_are_the_same() -> None:
    """Lanes, partitions and trades have their own keys."""
    keys = [getattr(lane_keys(lane), name) for lane in range(20) for name in LANE_KEY_NAMES]
    key = PartitionKey("a")
    keys += [KEYS.inbox(key), KEYS.lock(key), KEYS.seen("a"), KEYS.identity("a")]
    keys += [LANES_KEY]
    assert len(set(keys)) == len(keys)
