"""Renewing: only the owner of a lease extends it, while its transaction runs."""

import time
from dataclasses import replace

from tests.support.builders import partition_of, submissions
from tests.support.inbox.redis_snapshot import (
    KEYS,
    MAX_WAIT_SECONDS,
    claimed,
    claimed_soon,
    due_in_ms,
)
from tradecapture.capture.lease_renewal import MAX_LEASES, LeaseRenewer
from tradecapture.inbox import Inbox
from tradecapture.local.servers.server import wait_until
from tradecapture.settings import Settings

ONE, TWO = partition_of("B1"), partition_of("B2")


def test_a_renewed_lease_lasts_one_more_lease(inbox: Inbox) -> None:
    """Lock and due time move together, so the partition is due when the lease ends."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.redis.pexpire(KEYS.lock(ONE), 500)
    inbox.redis.zadd(KEYS.due, {ONE: 0})
    assert inbox.renew(0, claim.token, [ONE]) == [True]
    assert inbox.redis.pttl(KEYS.lock(ONE)) > 99_000
    assert (due_in_ms(inbox.redis, ONE) or 0) > 99_000
    assert inbox.claim(0, "another", 0.0) is None


def test_a_lost_lease_is_not_renewed(inbox: Inbox) -> None:
    """Neither an expired lease nor another owner's is renewed; the result says which."""
    inbox.accept([*submissions(1, "B1"), *submissions(1, "B2")])
    claim = claimed(inbox)
    inbox.redis.delete(KEYS.lock(ONE))
    inbox.redis.set(KEYS.lock(TWO), "another's", px=5_000)
    assert inbox.renew(0, claim.token, [ONE, TWO]) == [False, False]
    assert inbox.redis.exists(KEYS.lock(ONE)) == 0
    assert inbox.redis.pttl(KEYS.lock(TWO)) <= 5_000


def test_the_renewer_keeps_a_claim_alive_for_many_leases(inbox: Inbox, settings: Settings) -> None:
    """The thread renews an active claim; when the capture is over, the lease ends."""
    short = Inbox(inbox.redis, replace(settings, lease_seconds=0.2))
    short.accept(submissions(1, "B1"))
    renewer = LeaseRenewer(short)
    renewer.start()
    claim = claimed(short, "busy")
    with renewer.keep(claim):
        was_claimed = wait_until(lambda: short.claim(0, "another", 0.0) is not None, 0.7)
    assert not was_claimed
    assert claimed_soon(short, "another").partition_keys == [ONE]
    renewer.stop()


def test_a_capture_that_hangs_does_not_keep_its_partitions(
    inbox: Inbox, settings: Settings
) -> None:
    """After twelve leases its claim is no longer renewed, and another worker gets the partition."""
    lease_seconds = 0.05
    short = Inbox(inbox.redis, replace(settings, lease_seconds=lease_seconds))
    short.accept(submissions(1, "B1"))
    renewer = LeaseRenewer(short)
    renewer.start()
    with renewer.keep(claimed(short, "hanging")):
        started = time.monotonic()
        assert claimed_soon(short, "another").partition_keys == [ONE]
        assert time.monotonic() - started > MAX_LEASES * lease_seconds * 0.9
    renewer.stop()


def test_the_renewer_survives_an_error_of_redis(inbox: Inbox, settings: Settings) -> None:
    """It tries a failed renewal again; the thread does not end."""
    inbox.accept(submissions(1, "B1"))
    claim = claimed(inbox)
    inbox.lease_seconds = 0.09  # for the thread, which then renews often
    renewer = LeaseRenewer(inbox)
    renewer.start()
    inbox.redis.set(KEYS.due, "not a sorted set")  # the script fails
    with renewer.keep(claim):
        inbox.redis.pexpire(KEYS.lock(ONE), 50_000)
        assert wait_until(lambda: inbox.redis.pttl(KEYS.lock(ONE)) > 99_000, MAX_WAIT_SECONDS)
        inbox.redis.delete(KEYS.due)
        assert wait_until(lambda: inbox.redis.exists(KEYS.due) == 1, MAX_WAIT_SECONDS)
    renewer.stop()
