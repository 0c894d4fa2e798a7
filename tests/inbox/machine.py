"""The state machine: workers that crash, stall and repeat themselves, on a real Redis."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from redis import Redis

from tests.builders import partition_of, submission
from tests.inbox.model import Hand, ModelPartition
from tests.inbox.virtual_redis import advance, look
from tradecapture.inbox import Claim, Inbox, Settlement
from tradecapture.inbox.keys import lane_keys
from tradecapture.receipt import Receipt, Refusal
from tradecapture.routing import lane_of
from tradecapture.settings import Settings
from tradecapture.submission import Submission

LANES = 2
BOOKS = ("B1", "B2", "B3", "B4", "B5")
OWNERS = ("ann", "bob", "cem")

# Real milliseconds pass while virtual seconds do: every length is a multiple of 5 s, so that
# nothing ends within seconds of a moment at which the model looks.
LEASE_SECONDS = 100
BACKOFF_SECONDS = 10
BACKOFF_LIMIT_SECONDS = 40
BELL_SECONDS = 50
STEPS_SECONDS = (5, 10, 20, 50, 100)

SETTINGS = Settings(
    lanes=LANES,
    batch_partitions=2,
    batch_trades=5,
    lease_seconds=LEASE_SECONDS,
    bell_seconds=BELL_SECONDS,
    backoff_seconds=BACKOFF_SECONDS,
    backoff_limit_seconds=BACKOFF_LIMIT_SECONDS,
)

LANE_OF = {partition_of(book): lane_of(partition_of(book), LANES) for book in BOOKS}

books = st.sampled_from(BOOKS)
lanes = st.integers(0, LANES - 1)
jitters = st.sampled_from((0.0, 1.0))
picks = st.integers(0, 1000)


class InboxMachine(RuleBasedStateMachine):
    """Does what a fleet can do to the inboxes, in any order, and compares with the model."""

    redis: "Redis"  # given by the test

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.inbox = Inbox(self.redis, SETTINGS)
        self.now = 0.0  # virtual seconds
        self.sent: list[Submission] = []
        self.positions: dict[str, int] = {}
        self.fences = dict.fromkeys(range(LANES), 0)
        self.model = {name: ModelPartition(name) for name in LANE_OF}

    @property
    def hands(self) -> list[Hand]:
        """Everything that any worker ever claimed: also what it lost, gave back or forgot."""
        return [hand for partition in self.model.values() for hand in partition.hands]

    def pick(self, pick: int) -> tuple[Hand, ModelPartition, int]:
        """Return one of the hands, its partition and its lane."""
        hand = self.hands[pick % len(self.hands)]
        return hand, self.model[hand.partition], hand.claim.lane

    # ------------------------------------------------------------------ ways in

    @initialize(target_books=st.lists(books, min_size=1, max_size=6))
    def begin_with_work(self, target_books: list[str]) -> None:
        """Every story begins with some trades."""
        self.accept(target_books)

    @rule(target_books=st.lists(books, min_size=1, max_size=6))
    def accept(self, target_books: list[str]) -> None:
        """New trades get the next positions of their partitions, in their order."""
        first = len(self.sent)
        batch = [submission(f"T-{first + n}", book) for n, book in enumerate(target_books)]
        acceptance = self.inbox.accept(batch)
        for sent, answer in zip(batch, acceptance.answers, strict=True):
            partition = self.model[sent.partition_key]
            partition.accepted.append(sent.trade_id)
            assert isinstance(answer, Receipt)
            assert (answer.position, answer.duplicate) == (len(partition.accepted), False)
            self.positions[sent.trade_id] = answer.position
        self.sent += batch

    @rule(pick=picks)
    def resend(self, pick: int) -> None:
        """A resend gets the first receipt again."""
        sent = self.sent[pick % len(self.sent)]
        (answer,) = self.inbox.accept([sent]).answers
        assert isinstance(answer, Receipt)
        assert (answer.position, answer.duplicate) == (self.positions[sent.trade_id], True)

    @rule(pick=picks, forget=st.booleans())
    def conflict(self, pick: int, forget: bool) -> None:
        """The same id with other content is refused, also if its identity was not written."""
        sent = self.sent[pick % len(self.sent)]
        if forget:
            keys = lane_keys(lane_of(sent.trade_id, LANES))
            self.redis.delete(keys.identity(sent.trade_id))
        book = sent.partition_key.split("_")[1]
        # Without its identity, as for two that race: the accept script must tell by itself.
        identities = [*self.inbox.redis.scan_iter(match=f"*:identity:{sent.trade_id}")]
        if identities:
            self.inbox.redis.delete(*identities)
        (answer,) = self.inbox.accept([submission(sent.trade_id, book, source="MANUAL")]).answers
        assert isinstance(answer, Refusal)

    # ------------------------------------------------------------------ workers

    @rule(lane=lanes, owner=st.sampled_from(OWNERS), jitter=jitters)
    def claim(self, lane: int, owner: str, jitter: float) -> None:
        """What is due, free and not held is claimed, and nothing else; oldest trades first."""
        due = self._due_now(lane)
        free = {name for name in due if self._is_claimable(self.model[name])}
        claim = self.inbox.claim(lane, owner, jitter)
        claimed = set(claim.keys) if claim else set()
        assert claimed <= free, "claimed what is held, owned or not due"
        trades = claim.trades if claim else 0
        if len(due) <= SETTINGS.batch_partitions and trades < SETTINGS.batch_trades:
            assert claimed == free, "left out what is due"
        if claim:
            self._take(claim)

    @rule(lane=lanes, owner=st.sampled_from(OWNERS))
    def claim_twice(self, lane: int, owner: str) -> None:
        """The reply is lost and the command sent again: what the first took, no one works on."""
        self.claim(lane, owner, 1.0)
        self.claim(lane, owner, 1.0)

    @precondition(lambda self: self.hands)
    @rule(pick=picks, number=st.integers(1, 5))
    def write(self, pick: int, number: int) -> None:
        """A worker writes to the ledger, in time or long after its lease."""
        hand, partition, _lane = self.pick(pick)
        partition.write(hand, min(number, len(hand.positions)))

    @precondition(lambda self: self.hands)
    @rule(pick=picks, halts=st.booleans(), times=st.integers(1, 2))
    def settle(self, pick: int, halts: bool, times: int) -> None:
        """A worker settles what it has written: once, twice, or long after it lost its lease."""
        hand, partition, lane = self.pick(pick)
        if hand.stale:
            return
        for _ in range(times):
            owns = hand.is_owner(self.now)
            settlement = Settlement(hand.partition, hand.written, "halted" if halts else "")
            assert self.inbox.settle(lane, hand.claim.token, [settlement]) == [owns]
            if owns:
                hand.given_back = True
                partition.settled += hand.written
                partition.held = partition.held or halts

    @precondition(lambda self: self.hands)
    @rule(pick=picks, jitter=jitters)
    def postpone(self, pick: int, jitter: float) -> None:
        """A worker gives a partition back, if it is still its own."""
        hand, _partition, lane = self.pick(pick)
        (delay,) = self.inbox.postpone(lane, hand.claim.token, [hand.partition], jitter)
        assert (delay is not None) == hand.is_owner(self.now)
        if delay is not None:
            assert BACKOFF_SECONDS * 500 <= delay <= BACKOFF_LIMIT_SECONDS * 1000
            hand.given_back = True

    @precondition(lambda self: self.hands)
    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        """A worker lengthens its lease, if it still has it."""
        hand, _partition, lane = self.pick(pick)
        renewed = self.inbox.renew(lane, hand.claim.token, [hand.partition])
        assert renewed == [hand.is_owner(self.now)]
        if renewed == [True]:
            hand.lease_end = self.now + LEASE_SECONDS

    # ------------------------------------------------------------------ operators, clocks, bells

    @rule(book=books)
    def hold(self, book: str) -> None:
        """An operator pauses a partition."""
        partition = self.model[partition_of(book)]
        assert self.inbox.hold(partition.name, "paused") == (not partition.held)
        partition.held = True

    @rule(book=books)
    def release(self, book: str) -> None:
        """An operator resumes a partition."""
        partition = self.model[partition_of(book)]
        self.inbox.release(partition.name)
        partition.held = False

    @rule(seconds=st.sampled_from(STEPS_SECONDS))
    def advance_time(self, seconds: int) -> None:
        """Time passes: leases end, backoffs pass, bells no longer count."""
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
        """Every lane with something due and no bell is rung, and no other."""
        looks = look(self.redis, LANE_OF)
        silent = {LANE_OF[name] for name, seen in looks.items() if seen.is_due and not seen.bell}
        assert self.inbox.overdue() == sorted(silent)
        assert all(look(self.redis, LANE_OF)[name].bell for name in LANE_OF if looks[name].is_due)

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def all_is_well(self) -> None:
        """Nothing is lost, doubled or reordered, one owner each, and what waits is looked at."""
        looks = look(self.redis, LANE_OF)
        for name, partition in self.model.items():
            captured = len(partition.ledger)
            assert partition.ledger == list(range(1, captured + 1)), "the ledger must have 1, 2, 3"
            assert partition.settled <= captured, "a trade left its inbox unwritten"
            waiting = list(enumerate(partition.waiting, partition.settled + 1))
            assert looks[name].entries == waiting, "what waits must wait in order"
            owner = partition.owner(self.now)
            token = owner.claim.token.encode() if owner else None
            assert looks[name].lock == token, "the lock must be that of the one valid lease"
            if waiting and not partition.held:
                left = looks[name].due_in_seconds
                assert left is not None, "what waits must be due at some time"
                lease_left = owner.lease_end - self.now if owner else 0
                assert left <= max(BACKOFF_LIMIT_SECONDS, lease_left) + 1, "and not too late"

    def teardown(self) -> None:
        """In the end, when all is released, a fleet that works captures everything, in order."""
        for book in BOOKS:
            self.release(book)
        for _ in range(200):
            if not any(partition.waiting for partition in self.model.values()):
                break
            self.advance_time(LEASE_SECONDS)
            for lane in range(LANES):
                known = len(self.hands)
                self.claim(lane, "last", 0.0)
                if len(self.hands) > known:
                    self._finish(lane)
        self.all_is_well()
        for partition in self.model.values():
            assert len(partition.ledger) == len(partition.accepted)

    # ------------------------------------------------------------------ means

    def _finish(self, lane: int) -> None:
        for hand in self.hands:
            if hand.claim.lane == lane and hand.is_owner(self.now):
                partition = self.model[hand.partition]
                partition.write(hand, len(hand.positions))
                settlement = Settlement(hand.partition, hand.written)
                assert self.inbox.settle(lane, hand.claim.token, [settlement]) == [True]
                hand.given_back = True
                partition.settled += hand.written

    def _take(self, claim: Claim) -> None:
        assert claim.fence > self.fences[claim.lane], "the fence must grow"
        self.fences[claim.lane] = claim.fence
        assert claim.trades <= SETTINGS.batch_trades
        assert len(claim.partitions) <= SETTINGS.batch_partitions
        for claimed in claim.partitions:
            partition = self.model[claimed.partition]
            ids = [entry.submission.trade_id for entry in claimed.entries]
            assert ids, "claimed without a trade"
            assert ids == partition.waiting[: len(ids)], "not the oldest, in order"
            positions = [entry.position for entry in claimed.entries]
            lease_end = self.now + LEASE_SECONDS
            partition.hands.append(Hand(claim, claimed.partition, positions, lease_end))

    def _is_claimable(self, partition: ModelPartition) -> bool:
        return bool(partition.waiting) and not partition.held and not partition.owner(self.now)

    def _due_now(self, lane: int) -> list[str]:
        looks = look(self.redis, LANE_OF)
        return [name for name, seen in looks.items() if LANE_OF[name] == lane and seen.is_due]
