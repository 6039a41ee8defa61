"""How fast the LLM may be called: calls at once, requests a minute, tokens a minute, and pauses.

Waiting is fair: calls are admitted in the order they asked. Tokens are taken by an estimate before the
call and put right by the bill after it. A Retry-After from the server holds everyone back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from equal_stream.settings import LLMSettings

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]
_BURST = 0.1  # share of a minute's units that may be taken at once
_ROUNDING = 1e-6  # seconds; a wait shorter than this is the rounding of clocks


class TokenBucket:
    """Lets through at most `per_minute` units in any 60 seconds, of which a tenth may come at once.

    It refills at nine tenths of the rate, so that a saved burst and the refill together stay within it.
    One request for more than the burst is let through when the bucket is full and leaves it in debt.

    Parameters
    ----------
    per_minute
        Units in 60 seconds.
    clock
        Seconds on a clock that never goes back.
    """

    def __init__(self, per_minute: float, clock: Clock) -> None:
        self._burst = per_minute * _BURST
        self._per_second = (per_minute - self._burst) / 60.0
        self._clock = clock
        self._level = self._burst
        self._at = clock()

    def wait(self, units: float) -> float:
        """Return the seconds until `units` can be taken."""
        self._refill()
        return max(0.0, (min(units, self._burst) - self._level) / self._per_second)

    def take(self, units: float) -> None:
        """Take `units`, or give back when negative."""
        self._refill()
        self._level = min(self._burst, self._level - units)

    def _refill(self) -> None:
        at = self._clock()
        self._level = min(self._burst, self._level + (at - self._at) * self._per_second)
        self._at = at


class Admission:
    """Leave to make one call; tells the bucket what the call really took."""

    def __init__(self, tokens: TokenBucket | None, estimate: int) -> None:
        self._tokens = tokens
        self._estimate = estimate

    def used(self, tokens: int) -> None:
        """Put the estimate right: `tokens` were billed, input and output together."""
        if self._tokens is not None:
            self._tokens.take(tokens - self._estimate)
        self._estimate = tokens


class Limits:
    """Admits calls within the configured rates.

    Parameters
    ----------
    concurrent
        Calls under way at once.
    requests_per_minute, tokens_per_minute
        None: no such limit.
    clock, sleep
        Seconds on a clock that never goes back, and how to wait; tests pass their own.
    """

    def __init__(
        self,
        concurrent: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrent)
        self._turn = asyncio.Lock()  # held while waiting, and granted in order: that is the fairness
        self._requests = TokenBucket(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = TokenBucket(tokens_per_minute, clock) if tokens_per_minute else None
        self._paused_until = float("-inf")
        self._clock = clock
        self._sleep = sleep

    @classmethod
    def shared(cls, settings: LLMSettings, workers: int) -> "Limits":
        """Return one worker's equal share of the limits that all `workers` together must keep."""
        requests, tokens = settings.max_requests_per_minute, settings.max_tokens_per_minute
        return cls(
            max(1, settings.max_concurrent_requests // workers),
            requests / workers if requests else None,
            tokens / workers if tokens else None,
        )

    @asynccontextmanager
    async def admission(self, estimate: int) -> AsyncIterator[Admission]:
        """Wait for leave to make one call of about `estimate` tokens; held until the block ends."""
        async with self._slots:
            async with self._turn:
                while (wait := self._wait(estimate)) > _ROUNDING:
                    await self._sleep(wait)
                if self._requests is not None:
                    self._requests.take(1)
                if self._tokens is not None:
                    self._tokens.take(estimate)
            yield Admission(self._tokens, estimate)

    def pause(self, seconds: float) -> None:
        """Admit nobody for this long."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _wait(self, estimate: int) -> float:
        return max(
            self._paused_until - self._clock(),
            self._requests.wait(1) if self._requests is not None else 0.0,
            self._tokens.wait(estimate) if self._tokens is not None else 0.0,
        )
