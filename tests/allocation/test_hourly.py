from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.hourly import LastHour

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def test_a_charge_counts_for_at_least_an_hour_and_at_most_a_minute_more():
    hour = LastHour()
    hour.add(7, 70, START)
    assert hour.sums(START + timedelta(minutes=60)) == (7, 70)
    assert hour.sums(START + timedelta(minutes=61)) == (0, 0)


def test_a_clock_that_steps_back_forgets_nothing():
    hour = LastHour()
    hour.add(7, 70, START)
    assert hour.sums(START - timedelta(hours=5)) == (7, 70)
    hour.add(1, 10, START - timedelta(hours=5))
    assert hour.sums(START + timedelta(minutes=59)) == (8, 80)


@given(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 100)), max_size=60))
def test_the_sum_is_never_below_the_true_hour_and_memory_is_bounded(steps):
    hour, charges, now = LastHour(), [], START
    for seconds, amount in steps:
        now += timedelta(seconds=seconds)
        hour.add(amount, amount, now)
        charges.append((now, amount))
        true = sum(a for at, a in charges if at > now - timedelta(hours=1))
        assert hour.sums(now)[0] >= true
        assert len(hour.buckets) <= 62


def test_state_continues_exactly():
    hour, copy = LastHour(), LastHour()
    hour.add(7, 70, START)
    copy.load_state(hour.to_state())
    assert copy.sums(START + timedelta(minutes=30)) == hour.sums(START + timedelta(minutes=30))
