"""Stops asking an LLM that takes no calls: one try after each pause, until it answers again.

Only calls that were certainly not billed open the circuit (a wrong key, an unknown model, an endpoint that
is away), so nothing is lost by waiting; what is waiting for money is the pages, not the other way round.
"""

import time
from collections.abc import Callable

from equal_stream.extraction.base import ExtractionResult

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0  # seconds; doubled each time the try fails as well


class Circuit:
    """Closed while calls are taken; open for a pause after one that was not.

    Parameters
    ----------
    clock
        Monotonic seconds.

    Attributes
    ----------
    reason
        Why it is open, in one sentence; empty while it is closed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = 0.0
        self._until = 0.0
        self._answered = False
        self.reason = ""

    def limit(self, wanted: int, in_flight: int) -> int:
        """Return how many of the wanted tickets may be chosen now: while open, one after the pause."""
        if not self.reason:
            return wanted
        return min(wanted, 1) if self._clock() >= self._until and not in_flight else 0

    def note(self, result: ExtractionResult) -> None:
        """Take in how a call ended."""
        if result.status != "unsent":
            self._pause, self.reason = 0.0, ""
            self._answered |= result.status in {"answered", "failed"}
        elif not self._about_one_passage(result.reason):
            at = self._clock()
            if not self.reason or at >= self._until:
                self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
                self._until = at + self._pause
            self.reason = result.error or "the LLM takes no calls"

    def _about_one_passage(self, reason: str) -> bool:
        """Tell whether what was asked is at fault, which is not certain before the LLM ever answered."""
        return reason == "over-reservation" or (reason == "rejected-request" and self._answered)
