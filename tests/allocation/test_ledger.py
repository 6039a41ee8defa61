from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from equal_stream.allocation import state as saved
from equal_stream.allocation.budget import Budget
from equal_stream.allocation.ledger import Ledger
from equal_stream.allocation.money import nano, nano_floor, usd
from equal_stream.messages import LedgerEntry
from equal_stream.settings import BudgetSettings

from .world import START


def entry(kind, ticket, amount=0, tokens=0, at=START):
    return LedgerEntry(
        entry=kind, ticket_id=str(uuid5(NAMESPACE_URL, ticket)), tokens=tokens, usd=usd(amount), at=at
    )


def test_a_reservation_is_held_until_the_bill_replaces_it():
    ledger = Ledger()
    ledger.apply(entry("reserve", "a", 1000, 10))
    assert (ledger.reserved, ledger.spent) == (1000, 0)
    ledger.apply(entry("settle", "a", 400, 4))
    assert (ledger.reserved, ledger.spent) == (0, 400)
    assert (ledger.reserved_tokens, ledger.spent_tokens) == (0, 4)


def test_a_bill_above_the_reservation_is_recorded_truthfully_and_counted():
    ledger = Ledger()
    ledger.apply(entry("reserve", "a", 1000, 10))
    ledger.apply(entry("settle", "a", 1500, 9))
    assert (ledger.spent, ledger.overruns) == (1500, 1)


def test_replay_changes_nothing_and_says_so():
    ledger = Ledger()
    entries = [entry("reserve", "a", 1000, 10), entry("settle", "a", 400, 4), entry("reserve", "b", 5, 5)]
    assert [ledger.apply(e) for e in entries] == [True, True, True]
    assert [ledger.apply(e) for e in entries] == [False, False, False]
    assert (ledger.reserved, ledger.spent) == (5, 400)


def test_an_end_seen_before_its_reservation_keeps_the_ticket_ended():
    ledger = Ledger()
    assert ledger.apply(entry("settle", "a", 400, 4))
    assert not ledger.apply(entry("reserve", "a", 1000, 10))
    assert (ledger.reserved, ledger.spent, list(ledger.open)) == (0, 400, [])


def test_a_million_tiny_charges_do_not_drift():
    ledger = Ledger()
    for number in range(3000):
        ledger.apply(entry("reserve", str(number), 33, 1))
        ledger.apply(entry("settle", str(number), 33, 1))
    assert ledger.spent == 99_000
    assert ledger.reserved == 0


amounts = st.integers(0, 3000)


class LedgerUnderCaps(RuleBasedStateMachine):
    """Reservations are made only when the allowance covers them; everything else may happen any time."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.budget = Budget(self.caps(5000, 3000), self.ledger)
        self.now = START
        self.log = []
        self.count = 0
        self.charges = []
        self.snapshot = (saved.dump(self.ledger.to_state()), 0)
        self.ceiling = 5000

    @staticmethod
    def caps(total, hourly):
        return BudgetSettings(
            usd_total=usd(total), usd_per_hour=usd(hourly), tokens_total=total, tokens_per_hour=hourly
        )

    def book(self, new):
        assert self.ledger.apply(new)
        self.log.append(new)

    @rule(amount=amounts, seconds=st.integers(-4000, 4000))
    def reserve_if_covered(self, amount, seconds):
        self.now += timedelta(seconds=seconds)
        allowance = self.budget.allowance(self.now)
        if allowance.covers(amount, amount):
            caps = self.budget.caps
            self.count += 1
            self.book(entry("reserve", str(self.count), amount, amount, self.now))
            if amount == 0:  # costs nothing, even below a cap that was lowered since
                return
            assert self.ledger.reserved + self.ledger.spent <= nano_floor(caps.usd_total)
            assert self.ledger.reserved_tokens + self.ledger.spent_tokens <= caps.tokens_total
            assert self.ledger.used_within_hour(self.now)[0] <= nano_floor(caps.usd_per_hour)

    @precondition(lambda self: self.ledger.open)
    @rule(data=st.data(), kind=st.sampled_from(["settle", "expire"]))
    def end(self, data, kind):
        held = data.draw(st.sampled_from(list(self.ledger.open.values())))
        amount = data.draw(st.integers(0, held.tokens))
        self.book(
            LedgerEntry(entry=kind, ticket_id=held.ticket_id, tokens=amount, usd=usd(amount), at=self.now)
        )
        self.charges.append((self.now, amount))

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def replay_something(self, data):
        assert not self.ledger.apply(data.draw(st.sampled_from(self.log)))

    @rule(total=st.integers(0, 9000), hourly=st.integers(0, 9000))
    def change_caps(self, total, hourly):
        self.budget.change(self.caps(total, hourly))
        self.ceiling = max(total, self.held())

    def held(self):
        return self.ledger.reserved + self.ledger.spent

    @rule()
    def take_a_snapshot(self):
        self.snapshot = (saved.dump(self.ledger.to_state()), len(self.log))

    @rule(overlap=st.integers(0, 5), without=st.booleans())
    def crash_and_replay(self, overlap, without):
        data, known = (None, 0) if without else self.snapshot
        recovered = Ledger()
        if data is not None:
            recovered.load_state(saved.load(data))
        for each in self.log[max(0, known - overlap) :]:
            recovered.apply(each)
        assert recovered.open == self.ledger.open
        assert recovered.ended == self.ledger.ended
        assert (recovered.spent, recovered.spent_tokens) == (self.ledger.spent, self.ledger.spent_tokens)
        assert (recovered.reserved, recovered.reserved_tokens) == (
            self.ledger.reserved,
            self.ledger.reserved_tokens,
        )
        assert recovered.used_within_hour(self.now) >= self.ledger.used_within_hour(self.now)
        self.ledger = recovered
        self.budget = self.over(recovered)

    def over(self, ledger):
        """Return the caps in force, over another ledger."""
        budget = Budget(self.budget.configured, ledger)
        budget.load_state(self.budget.to_state())
        return budget

    @invariant()
    def nothing_exceeds_the_cap_but_what_was_held_when_it_was_lowered(self):
        self.ceiling = min(self.ceiling, max(nano_floor(self.budget.caps.usd_total), self.held()))
        assert self.held() <= self.ceiling

    @invariant()
    def sums_are_exact(self):
        assert self.ledger.reserved == sum(nano(e.usd) for e in self.ledger.open.values())
        assert self.ledger.spent == sum(amount for _, amount in self.charges)

    def teardown(self):
        replayed = Ledger()
        for each in self.log + self.log[::2]:
            replayed.apply(each)
        assert replayed.open == self.ledger.open
        assert (replayed.spent, replayed.reserved) == (self.ledger.spent, self.ledger.reserved)
        assert replayed.ended == self.ledger.ended


LedgerUnderCaps.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedgerUnderCaps = LedgerUnderCaps.TestCase


@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.integers(0, 1000), st.integers(0, 900)), min_size=1, max_size=40
    )
)
@settings(deadline=None)
def test_in_any_hour_what_was_reserved_or_spent_stays_within_the_hourly_cap(steps):
    cap, ledger, now = 2000, Ledger(), START
    budget = Budget(BudgetSettings(tokens_per_hour=cap), ledger)
    lives = []  # [reserved at, ended at or None, tokens held, tokens charged]
    for number, (seconds, amount, actual) in enumerate(steps):
        now += timedelta(seconds=seconds)
        if budget.allowance(now).covers(0, amount):
            ledger.apply(entry("reserve", str(number), 0, amount, now))
            lives.append([now, None, amount, 0])
        still = [i for i, life in enumerate(lives) if life[1] is None]
        if len(still) > 2:
            oldest = lives[still[0]]
            ticket = next(iter(ledger.open.values()))
            charged = min(actual, oldest[2])
            ledger.apply(
                LedgerEntry(entry="settle", ticket_id=ticket.ticket_id, tokens=charged, usd=0, at=now)
            )
            oldest[1], oldest[3] = now, charged
    for begin, *_ in lives:  # an hour's sum can only peak where one ends at a reservation
        for end in (begin, begin + timedelta(hours=1) - timedelta(seconds=1)):
            spent = sum(c for _, e, _, c in lives if e and end - timedelta(hours=1) < e <= end)
            held = sum(h for b, e, h, _ in lives if b <= end and (e is None or e > end))
            assert spent + held <= cap
