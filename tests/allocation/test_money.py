from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.money import NANO, nano, nano_ceiling, nano_floor, usd


@given(st.integers(0, 2_000_000 * NANO))
def test_an_amount_survives_the_way_through_a_message(amount):
    assert nano(usd(amount)) == amount


@given(st.floats(0, 1e6))
def test_limits_round_down_and_reservations_round_up(dollars):
    assert nano_floor(dollars) <= nano(dollars) <= nano_ceiling(dollars)
    assert nano_ceiling(dollars) - nano_floor(dollars) <= 1


def test_a_decimal_cap_is_taken_as_written():
    assert nano_floor(0.1) == nano_ceiling(0.1) == 100_000_000
    assert sum(nano(0.1) for _ in range(10)) == nano(1.0)
