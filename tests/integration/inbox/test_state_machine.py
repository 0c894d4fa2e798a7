"""No sequence of steps of a fleet loses, doubles or reorders a trade; mutations prove the test."""

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from tests.support.inbox.mutation import mutate
from tests.support.inbox.state_machine import InboxMachine

STEPS = 40  # of one run; each mutation below fails within as many

# script, the right text, the mistake
MUTATIONS = [
    ("accept", "'RPUSH'", "'LPUSH'"),
    ("accept", "if seen then", "if false then"),
    ("accept", "HINCRBY', positions, partition, 1", "HINCRBY', positions, partition, 2"),
    ("accept", "redis.call('ZADD', due, 'NX', now, partition)", ""),
    ("accept", "local same = first_digest == digest", "local same = true"),
    ("accept", "HINCRBY', backlog, 'accepted', appended", "HINCRBY', backlog, 'accepted', 1"),
    ("accept", "if depth[partition] >= partition_limit", "if false"),
    ("accept", "return waiting >= lane_limit and", "return false and"),
    ("accept", "counts[1] + redis.call('LLEN', prefix .. 'inbox:' .. partition)", "counts[1]"),
    ("accept", "number <= last or", ""),
    ("accept", "number > last + window", "false"),
    ("accept", "number_text, number_text) == 1", "number_text, number_text)"),
    ("accept", "while redis.call('ZREM', ahead, text(last + 1)) == 1", "while false"),
    ("accept", "stamp .. expected .. ' '", "stamp .. ' '"),
    ("claim", "'NX', 'PX', lease", "'PX', lease"),
    ("claim", "redis.call('HEXISTS', held, partition) == 1 or", ""),
    ("claim", "'ZADD', due, text(now_ms + lease), partition", "'ZREM', due, partition"),
    ("claim", "local from = 0", "local from = 1"),
    ("claim", "fence = math.max(now_us,", "fence = math.min(7,"),
    ("claim_one", "if redis.call('EXISTS', lock) == 1 then return {} end", ""),
    ("claim_one", "redis.call('SET', lock, token, 'PX', lease)", "redis.call('SET', lock, token)"),
    ("claim_one", "redis.call('HEXISTS', held, partition) == 0 and", ""),
    ("claim_one", "'ZADD', due, text(now_ms + lease),", "'ZREM', due,"),
    ("claim_one", "fence = math.max(now_us,", "fence = math.min(7,"),
    ("complete", "redis.call('GET', lock) == token", "true"),
    ("complete", "'settled', removed)", "'settled', removed + 1)"),
    ("complete", "'HSETNX'", "'HSET'"),
    ("complete", "and redis.call('HEXISTS', held, partition) == 0", ""),
    ("complete", "waiting == 0 or tonumber(reached) > predicted", "tonumber(reached) > predicted"),
    ("complete", "waiting == 0 or tonumber(reached) > predicted", "true"),
    ("complete", "redis.call('ZREMRANGEBYSCORE', ahead, '-inf', reached)", ""),
    ("complete", "while waiting > 0 and", "while false and"),
    ("complete", "redis.call('DEL', lock)", ""),
    ("complete", "'LTRIM', inbox, trades,", "'LTRIM', inbox, trades + 1,"),
    ("complete", "redis.call('ZADD', due, now, partition)", "redis.call('ZREM', due, partition)"),
    ("postpone", "redis.call('GET', lock) == token", "true"),
    ("postpone", "redis.call('ZADD', due,", "redis.call('ZREM', due,"),
    ("renew", "redis.call('GET', lock) == token", "true"),
    ("hold", "redis.call('HSET', held, partition, why)", "1"),
    ("unhold", "(kind == 'PAUSED') == (", "('PAUSED' == 'PAUSED') == ("),
    ("unhold", "redis.call('ZADD', due, 'NX', now, partition)", ""),
    ("ring", "if redis.call('ZCOUNT', due, '-inf', now) == 0", "if false"),
]  # fmt: skip


@pytest.fixture
def machine(redis: "Redis") -> type[InboxMachine]:
    """The machine on this test's Redis."""

    class Machine(InboxMachine):
        pass

    Machine.redis = redis
    return Machine


def test_no_interleaving_loses_doubles_or_reorders_a_trade(machine: type[InboxMachine]) -> None:
    """Several workers claim, expire, retry, hold and repeat calls, in any order."""
    run_state_machine_as_test(
        machine,
        # Twice as many as the rarest mistake below needs, or as many as the profile asks for.
        settings=hypothesis_settings(
            max_examples=max(100, hypothesis_settings().max_examples), stateful_step_count=STEPS
        ),
    )


@pytest.mark.parametrize(("script", "right", "wrong"), MUTATIONS)
def test_a_mutated_script_is_caught(
    machine: type[InboxMachine],
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    right: str,
    wrong: str,
) -> None:
    """The machine fails if a script has one of these mistakes."""
    mutate(monkeypatch, script, right, wrong)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                max_examples=400,
                stateful_step_count=STEPS,
                phases=[Phase.generate],  # the first failure is enough, however long
                report_multiple_bugs=False,
            ),
        )
