from hypothesis import given
from hypothesis import strategies as st

from equal_stream.simulate.request_limit import RequestLimit


@given(st.integers(1, 5), st.lists(st.floats(0, 300), max_size=60).map(sorted))
def test_no_sixty_seconds_admit_more_than_the_limit(per_minute, arrivals):
    limit = RequestLimit(per_minute)
    admitted = [now for now in arrivals if limit.wait(now) == 0]
    for start in admitted:
        assert sum(start <= now < start + 60 for now in admitted) <= per_minute


def test_whoever_waits_as_told_is_admitted():
    limit = RequestLimit(2)
    assert [limit.wait(0.0), limit.wait(10.5)] == [0, 0]
    told = limit.wait(20.2)
    assert told == 40
    assert limit.wait(20.2 + told) == 0


def test_zero_admits_everything():
    assert {RequestLimit(0).wait(0.0) for _ in range(100)} == {0}
