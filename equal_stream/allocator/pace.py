"""Spreads tickets over time, so that a budget is not gone before the better pages have come."""

import time
from collections.abc import Callable


class Pace:
    """At most so many tickets a minute, evenly; what is not taken is not saved up beyond a second.

    Parameters
    ----------
    per_minute
        None for no limit.
    clock
        Monotonic seconds.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = None if per_minute is None else per_minute / 60
        self._clock = clock
        self._allowed = 0.0
        self._at = clock()

    def limit(self, wanted: int) -> int:
        """Return how many of the wanted tickets may be chosen now."""
        if self._rate is None:
            return wanted
        at = self._clock()
        self._allowed = min(self._allowed + (at - self._at) * self._rate, max(1.0, self._rate))
        self._at = at
        return min(wanted, int(self._allowed))

    def took(self, tickets: int) -> None:
        """Count tickets that were chosen."""
        if self._rate is not None:
            self._allowed -= tickets
