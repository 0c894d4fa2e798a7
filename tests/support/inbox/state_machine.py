"""The state machine: workers that crash, stall and repeat themselves, on a real Redis."""

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from redis import Redis

from tests.support.builders import LEFT_OUT, partition_of, submission
from tests.support.inbox.machine_settings import (
    BACKOFF_LIMIT_SECONDS,
    BACKOFF_SECONDS,
    BATCH_TRADES,
    BOOKS,
    HOLDS,
    LANES,
    LEASE_SECONDS,
    OWNERS,
    SETTINGS,
    STEPS_SECONDS,
)
from tests.support.inbox.model import ModelClaim, ModelPartition
from tests.support.inbox.virtual_redis import advance, snapshot
from tradecapture.inbox import Claim, Completion, Hold, HoldKind, Inbox, LaneBacklog
from tradecapture.inbox.backlog import read_backlog
from tradecapture.inbox.keys import lane_keys
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Submission

LANE_OF = {partition_of(book): lane_of(partition_of(book), LANES) for book in BOOKS}

# Many mistakes show only after several steps with one partition. So one of each lane gets most.
books = st.sampled_from(("B1", "B1", "B1", "B2", "B2", "B2", *BOOKS))
lanes = st.integers(0, LANES - 1)
jitters = st.sampled_from((0.0, 1.0))
picks = st.integers(0, 1000)
# A trade: its book and upstream's number; a number of 0 or less means none.
trades = st.tuples(books, st.integers(-7, 7))
numbers = st.integers(0, 7)


class InboxMachine(RuleBasedStateMachine):
    """Takes the steps of a fleet in any order, and compares Redis with the model.

    Hypothesis draws the steps by the names of the rules. After a rule gets another name, check that
    each mutation in `test_state_machine.py` is still caught.
    """

    redis: "Redis"  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.inbox = Inbox(self.redis, SETTINGS)
        self.now = 0.0  # virtual seconds
        self.sent: list[Submission] = []  # those that were accepted
        self.numbers = count()  # of trades, the refused ones too
        self.receipts: dict[str, Receipt] = {}
        self.left = dict.fromkeys(
            range(LANES), 0
        )  # trades that left each lane since the counting began
        self.fences = dict.fromkeys(range(LANES), 0)
        self.model = {name: ModelPartition(name) for name in LANE_OF}

    @property
    def claims(self) -> list[ModelClaim]:
        """All claims that workers ever made: also those lost, given back or forgotten."""
        return [claim for partition in self.model.values() for claim in partition.claims]

    def pick(self, pick: int) -> tuple[ModelClaim, ModelPartition, int]:
        """Return one of the claims, its partition and its lane."""
        claim = self.claims[pick % len(self.claims)]
        return claim, self.model[claim.partition_key], claim.claim.lane

    # ------------------------------------------------------------------ acceptance

    @initialize(new=st.lists(trades, min_size=1, max_size=6))
    def begin_with_work(self, new: list[tuple[str, int]]) -> None:
        """Every run begins with some trades."""
        self.accept(new)

    @rule(new=st.lists(trades, min_size=1, max_size=6))
    def accept(self, new: list[tuple[str, int]]) -> None:
        """New trades get the next positions of their partitions, in order, while there is room."""
        batch = [
            submission(
                f"T-{next(self.numbers)}", book, sequenceNumber=number if number > 0 else LEFT_OUT
            )
            for book, number in new
        ]
        acceptance = self.inbox.accept(batch)
        for sent, answer in zip(batch, acceptance.answers, strict=True):
            partition = self.model[sent.partition_key]
            if isinstance(answer, Refusal):
                assert answer.code is self._full(partition)
                continue
            assert self._full(partition) is None
            partition.accepted.append(sent.trade_id)
            assert (answer.position, answer.duplicate) == (len(partition.accepted), False)
            assert answer.expected_outcome is (
                ExpectedOutcome.ACCEPTED
                if sent.sequence_number is None
                else partition.check_sequence(sent.sequence_number, SETTINGS.sequence_window)
            )
            self.receipts[sent.trade_id] = answer
            self.sent.append(sent)

    @rule(book=books)
    def count_anew(self, book: str) -> None:
        """An operator deletes a lane's counters; the next acceptance counts the waiting trades."""
        lane = LANE_OF[partition_of(book)]
        self.redis.delete(lane_keys(lane).backlog)
        self.left[lane] = 0
        self.accept([(book, 0)])

    @rule(pick=picks)
    def resend(self, pick: int) -> None:
        """A resend gets the first receipt again."""
        sent = self.sent[pick % len(self.sent)]
        (answer,) = self.inbox.accept([sent]).answers
        assert isinstance(answer, Receipt)
        first = self.receipts[sent.trade_id]
        assert (answer.position, answer.duplicate) == (first.position, True)
        assert answer.expected_outcome is first.expected_outcome

    @rule(pick=picks, forget=st.booleans())
    def conflict(self, pick: int, forget: bool) -> None:
        """The same id with other content is refused, even if its identity was not written."""
        sent = self.sent[pick % len(self.sent)]
        if forget:
            keys = lane_keys(lane_of(sent.trade_id, LANES))
            self.redis.delete(keys.identity(sent.trade_id))
        book = sent.partition_key.split("_")[1]
        # Without its identity, as in a race of two: the accept script must recognise it.
        identities = [*self.inbox.redis.scan_iter(match=f"*:identity:{sent.trade_id}")]
        if identities:
            self.inbox.redis.delete(*identities)
        (answer,) = self.inbox.accept([submission(sent.trade_id, book, source="MANUAL")]).answers
        assert isinstance(answer, Refusal)

    # ------------------------------------------------------------------ workers

    @rule(lane=lanes, owner=st.sampled_from(OWNERS), jitter=jitters)
    def claim(self, lane: int, owner: str, jitter: float) -> None:
        """Exactly the partitions that are due, unlocked and not held are claimed, oldest first."""
        due = self._due_now(lane)
        free = {name for name in due if self._is_claimable(self.model[name])}
        claim = self.inbox.claim(lane, owner, jitter)
        claimed = set(claim.partition_keys) if claim else set()
        assert claimed <= free, "claimed a partition that is held, owned or not due"
        trades = claim.trades if claim else 0
        if len(due) <= SETTINGS.batch_partitions and trades < SETTINGS.batch_trades:
            assert claimed == free, "left out a due partition"
        if claim:
            left = 0 if snapshot(self.redis, LANE_OF)[due[0]].bell else len(self._due_now(lane))
            assert claim.due_without_bell == left, "partitions left due without a bell"
            assert all(each.entries for each in claim.partitions), "claimed without a trade"
            self._note_claim(claim)

    @rule(lane=lanes, owner=st.sampled_from(OWNERS))
    def claim_twice(self, lane: int, owner: str) -> None:
        """The reply is lost and the command sent again: nobody works on the first claim."""
        self.claim(lane, owner, 1.0)
        self.claim(lane, owner, 1.0)

    @rule(book=books, owner=st.sampled_from(OWNERS), number=st.integers(0, 3))
    def take(self, book: str, owner: str, number: int) -> None:
        """An operator gets any partition that is not locked, whether held, due or empty."""
        partition = self.model[partition_of(book)]
        free = partition.owner(self.now) is None
        was_due = snapshot(self.redis, LANE_OF)[partition.partition_key].due_in_seconds is not None
        claim = self.inbox.claim_one(partition.partition_key, owner, number)
        assert (claim is not None) == free
        if claim:
            assert claim.trades == min(number, len(partition.waiting))
            self._note_claim(claim)
            if partition.hold:
                is_due = (
                    snapshot(self.redis, LANE_OF)[partition.partition_key].due_in_seconds
                    is not None
                )
                assert is_due <= was_due, "a held partition became due"

    @precondition(lambda self: self.claims)
    @rule(pick=picks, number=st.integers(1, 5))
    def write(self, pick: int, number: int) -> None:
        """A worker writes to the ledger, in time or long after its lease ended."""
        model_claim, partition, _lane = self.pick(pick)
        partition.write(model_claim, min(number, len(model_claim.positions)))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, halts=st.booleans(), upstream=numbers, times=st.integers(1, 2))
    def complete(self, pick: int, halts: bool, upstream: int, times: int) -> None:
        """A worker completes what it has written: once, twice, or long after its lease ended."""
        model_claim, partition, lane = self.pick(pick)
        if model_claim.stale:
            return
        for _ in range(times):
            owns = model_claim.is_owner(self.now)
            why = "halted" if halts else ""
            completion = Completion(model_claim.partition_key, model_claim.written, why, upstream)
            assert self.inbox.complete(lane, model_claim.claim.token, [completion]) == [owns]
            if owns:
                model_claim.given_back = True
                self.left[lane] += model_claim.written
                partition.complete(model_claim.written, upstream, Hold.halt(why) if halts else None)
                if partition.hold:
                    seen = snapshot(self.redis, LANE_OF)[partition.partition_key]
                    assert seen.due_in_seconds is None, "a held partition became due"

    @precondition(lambda self: self.claims)
    @rule(pick=picks, upstream=numbers)
    def finish(self, pick: int, upstream: int) -> None:
        """A worker writes and completes all that it claimed, as most do."""
        self.write(pick, BATCH_TRADES)
        self.complete(pick, False, upstream, 1)

    @rule(book=books, owner=st.sampled_from(OWNERS), hold=st.sampled_from(HOLDS))
    def die_holding(self, book: str, owner: str, hold: Hold) -> None:
        """A worker dies, an operator holds its partition, another worker claims later."""
        lane = LANE_OF[partition_of(book)]
        self.claim(lane, owner, 0.0)
        self.hold(book, hold)
        self.advance_time(LEASE_SECONDS)
        self.claim(lane, "another", 0.0)

    @precondition(lambda self: self.claims)
    @rule(pick=picks, jitter=jitters)
    def postpone(self, pick: int, jitter: float) -> None:
        """A worker gives a partition back, if it still has the lease."""
        model_claim, _partition, lane = self.pick(pick)
        (delay,) = self.inbox.postpone(
            lane, model_claim.claim.token, [model_claim.partition_key], jitter
        )
        assert (delay is not None) == model_claim.is_owner(self.now)
        if delay is not None:
            assert BACKOFF_SECONDS * 500 <= delay <= BACKOFF_LIMIT_SECONDS * 1000
            model_claim.given_back = True

    @precondition(lambda self: self.claims)
    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        """A worker extends its lease, if it still has it."""
        model_claim, _partition, lane = self.pick(pick)
        renewed = self.inbox.renew(lane, model_claim.claim.token, [model_claim.partition_key])
        assert renewed == [model_claim.is_owner(self.now)]
        if renewed == [True]:
            model_claim.lease_end = self.now + LEASE_SECONDS

    # ------------------------------------------------------------------ operators, clocks, bells

    @rule(book=books, hold=st.sampled_from(HOLDS))
    def hold(self, book: str, hold: Hold) -> None:
        """A partition is held; an existing hold is replaced."""
        partition = self.model[partition_of(book)]
        assert self.inbox.hold(partition.partition_key, hold) == (partition.hold is None)
        partition.hold = hold

    @rule(book=books, kind=st.none() | st.sampled_from(HoldKind))
    def release(self, book: str, kind: HoldKind | None) -> None:
        """A hold of this kind is lifted."""
        partition = self.model[partition_of(book)]
        self.inbox.unhold(partition.partition_key, kind)
        if partition.hold and kind in (None, partition.hold.kind):
            partition.hold = None

    @rule(seconds=st.sampled_from(STEPS_SECONDS))
    def advance_time(self, seconds: int) -> None:
        """Time passes: leases and backoffs end, bells no longer count."""
        self.now += seconds
        for lane in range(LANES):
            advance(self.redis, lane, list(self.model), seconds)

    @rule(book=books)
    def rush(self, book: str) -> None:
        """A partition becomes due while it is locked, as when clocks disagree after a failover."""
        partition = partition_of(book)
        self.redis.zadd(lane_keys(LANE_OF[partition]).due, {partition: 0}, xx=True)

    @rule(lane=lanes)
    def answer_bell(self, lane: int) -> None:
        """A worker hears the bell."""
        self.inbox.clear_bell(lane)

    @rule()
    def sweep(self) -> None:
        """Every lane with a due partition and no bell is rung, and no other."""
        snapshots = snapshot(self.redis, LANE_OF)
        silent = {
            LANE_OF[name] for name, seen in snapshots.items() if seen.is_due and not seen.bell
        }
        assert self.inbox.reserve_bells() == sorted(silent)
        assert all(
            snapshot(self.redis, LANE_OF)[name].bell for name in LANE_OF if snapshots[name].is_due
        )

    # ------------------------------------------------------------------ invariants

    @invariant()
    def all_is_well(self) -> None:
        """No trade is lost, doubled or reordered; a partition has at most one owner."""
        snapshots = snapshot(self.redis, LANE_OF)
        for name, partition in self.model.items():
            captured = len(partition.ledger)
            assert partition.ledger == list(range(1, captured + 1)), "the ledger must have 1, 2, 3"
            assert partition.completed <= captured, "a trade left its inbox before it was captured"
            waiting = list(enumerate(partition.waiting, partition.completed + 1))
            assert snapshots[name].entries == waiting, "trades must wait in order"
            owner = partition.owner(self.now)
            token = owner.claim.token.encode() if owner else None
            assert snapshots[name].lock == token, "the lock must have the token of the valid lease"
            assert snapshots[name].hold == partition.hold
            assert snapshots[name].reached == partition.reached, "upstream's number in order last"
            assert snapshots[name].ahead == partition.ahead, "upstream's numbers before their turn"
            if waiting and not partition.hold:
                left = snapshots[name].due_in_seconds
                assert left is not None, "what waits must be due at some time"
                lease_left = owner.lease_end - self.now if owner else 0
                assert left <= max(BACKOFF_LIMIT_SECONDS, lease_left) + 1, "and not too late"

    @invariant()
    def all_is_counted(self) -> None:
        """Each lane's counters are those of its inboxes."""
        waiting = dict.fromkeys(range(LANES), 0)
        for name, partition in self.model.items():
            waiting[LANE_OF[name]] += len(partition.waiting)
        assert read_backlog(self.redis, LANES) == [
            LaneBacklog(lane, waiting[lane], self.left[lane]) for lane in range(LANES)
        ]

    def teardown(self) -> None:
        """In the end, when all is released, a fleet that works captures everything, in order."""
        for book in BOOKS:
            self.release(book, None)
        for _ in range(200):
            if not any(partition.waiting for partition in self.model.values()):
                break
            self.advance_time(LEASE_SECONDS)
            for lane in range(LANES):
                known = len(self.claims)
                self.claim(lane, "last", 0.0)
                if len(self.claims) > known:
                    self._finish(lane)
        self.all_is_well()
        for partition in self.model.values():
            assert len(partition.ledger) == len(partition.accepted)

    # ------------------------------------------------------------------ means

    def _finish(self, lane: int) -> None:
        for model_claim in self.claims:
            if model_claim.claim.lane == lane and model_claim.is_owner(self.now):
                partition = self.model[model_claim.partition_key]
                partition.write(model_claim, len(model_claim.positions))
                completion = Completion(model_claim.partition_key, model_claim.written)
                assert self.inbox.complete(lane, model_claim.claim.token, [completion]) == [True]
                model_claim.given_back = True
                self.left[lane] += model_claim.written
                partition.complete(model_claim.written, 0, None)

    def _note_claim(self, claim: Claim) -> None:
        assert claim.fence > self.fences[claim.lane], "the fence must grow"
        self.fences[claim.lane] = claim.fence
        assert claim.trades <= SETTINGS.batch_trades
        assert len(claim.partitions) <= SETTINGS.batch_partitions
        for claimed in claim.partitions:
            assert claimed.unreadable == ""
            partition = self.model[claimed.partition_key]
            ids = [entry.submission.trade_id for entry in claimed.entries]
            assert ids == partition.waiting[: len(ids)], "not the oldest, in order"
            positions = [entry.position for entry in claimed.entries]
            lease_end = self.now + LEASE_SECONDS
            partition.claims.append(ModelClaim(claim, claimed.partition_key, positions, lease_end))

    def _is_claimable(self, partition: ModelPartition) -> bool:
        return bool(partition.waiting) and not partition.hold and not partition.owner(self.now)

    def _full(self, partition: ModelPartition) -> RefusalCode | None:
        """Return why a trade of a partition is refused now; None: there is room."""
        if len(partition.waiting) >= SETTINGS.limit_partition:
            return RefusalCode.PARTITION_FULL
        lane = LANE_OF[partition.partition_key]
        waiting = [
            len(each.waiting) for each in self.model.values() if LANE_OF[each.partition_key] == lane
        ]
        return RefusalCode.BACKLOG_FULL if sum(waiting) >= SETTINGS.limit_lane else None

    def _due_now(self, lane: int) -> list[PartitionKey]:
        snapshots = snapshot(self.redis, LANE_OF)
        return [name for name, seen in snapshots.items() if LANE_OF[name] == lane and seen.is_due]
