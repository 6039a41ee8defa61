"""Calls are admitted within the limits, in order, on a clock that the test turns."""

import asyncio
import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.limits import Limits, TokenBucket
from equal_stream.settings import LLMSettings
from tests.extraction.material import FakeClock


def limits(clock: FakeClock, concurrent: int = 100, **rates: float) -> Limits:
    return Limits(concurrent, clock=clock, sleep=clock.sleep, **rates)


async def admitted_at(
    limits: Limits, clock: FakeClock, estimate: int, used: Callable[[int], int] = lambda estimate: estimate
) -> float:
    async with limits.admission(estimate) as admission:
        at = clock()
        admission.used(used(estimate))
    return at


@given(st.floats(1, 2_000), st.integers(1, 200))
def test_no_minute_sees_more_requests_than_the_limit(per_minute: float, requests: int) -> None:
    clock = FakeClock()
    bucket = TokenBucket(per_minute, clock)
    times: list[float] = []
    for _ in range(requests):
        clock.now += bucket.wait(1)
        bucket.take(1)
        times.append(clock.now)
    busiest = max(sum(start <= time < start + 60 for time in times) for start in times)
    assert busiest <= math.ceil(per_minute)


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=60))
def test_tokens_keep_to_their_rate_over_time_even_when_one_call_is_larger_than_the_burst(
    sizes: list[int],
) -> None:
    clock = FakeClock()
    bucket = TokenBucket(6_000, clock)
    for size in sizes:
        clock.now += bucket.wait(size)
        bucket.take(size)
    assert (
        sum(sizes) - max(sizes) <= 600 + 90 * clock.now + 1e-6
    )  # 6,000 a minute: a tenth at once, 90 a second


async def test_calls_are_admitted_in_the_order_they_asked() -> None:
    clock = FakeClock()
    gate = limits(clock, requests_per_minute=60)
    order: list[int] = []

    async def call(number: int) -> None:
        async with gate.admission(1):
            order.append(number)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))


async def test_no_more_calls_are_under_way_than_allowed() -> None:
    gate = limits(FakeClock(), concurrent=3)
    under_way = most = 0

    async def call() -> None:
        nonlocal under_way, most
        async with gate.admission(1):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert most == 3


async def test_a_pause_holds_everyone_back() -> None:
    clock = FakeClock()
    gate = limits(clock)
    gate.pause(30)
    gate.pause(5)  # a shorter one does not shorten it
    assert await asyncio.gather(*(admitted_at(gate, clock, 1) for _ in range(3))) == [30, 30, 30]


async def test_an_estimate_that_was_too_high_is_given_back() -> None:
    clock = FakeClock()
    gate = limits(clock, tokens_per_minute=60_000)
    times = [await admitted_at(gate, clock, 6_000, used=lambda _: 10) for _ in range(5)]
    assert times[-1] < 1.0


async def test_an_estimate_that_was_too_low_is_made_up_for() -> None:
    clock = FakeClock()
    gate = limits(clock, tokens_per_minute=60_000)
    times = [await admitted_at(gate, clock, 10, used=lambda _: 9_000) for _ in range(5)]
    assert times[-1] >= (4 * 9_000 - 6_000) / 900 - 0.1


def test_equal_workers_share_the_limits() -> None:
    settings = LLMSettings(max_concurrent_requests=8, max_requests_per_minute=60)
    shared = Limits.shared(settings, workers=4)
    assert shared._slots._value == 2
    assert Limits.shared(settings, workers=100)._slots._value == 1  # a worker without a slot would hang
