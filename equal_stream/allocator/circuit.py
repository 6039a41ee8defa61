"""Stops asking an LLM that takes no calls, or whose answers are of no use: one try after each pause.

Calls that were certainly not billed (a wrong key, an unknown model, an endpoint that is away) open the
circuit at once. Answers that were billed and cannot be used (refusals, no JSON, cut off) open it when they
pass half of the latest: waiting costs nothing, asking on does. A timeout never opens it. Its fate is not
known, and an LLM that is slow is at work; but while nothing else comes back, calls go out one at a time.
"""

import time
from collections import deque
from collections.abc import Callable

from equal_stream.extraction.base import ExtractionResult

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0  # seconds; doubled each time the try fails as well
LATEST = 40  # answers looked at; a refusal here and there is a matter of its page
LEAST = 20  # answers without which a share says nothing
WASTED_SHARE = 0.5
IN_DOUBT = 8  # timeouts in a row after which calls go out singly


class Circuit:
    """Closed while calls are taken and of use; open for a pause after they were not.

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
        self._in_doubt = 0
        self._wasted: deque[bool] = deque(maxlen=LATEST)
        self.reason = ""

    def limit(self, wanted: int, in_flight: int) -> int:
        """Return how many of the wanted tickets may be chosen now: one after the pause while open."""
        if not self.reason and self._in_doubt < IN_DOUBT:
            return wanted
        due = not self.reason or self._clock() >= self._until
        return min(wanted, 1) if due and not in_flight else 0

    def note(self, result: ExtractionResult) -> None:
        """Take in how a call ended."""
        match result.status:
            case "unknown":
                self._in_doubt += 1
            case "unsent":
                if not self._about_one_passage(result.reason):
                    self._open(result.error or "the LLM takes no calls")
            case "answered":
                self._answer(wasted=False)
                if self.reason:
                    self._close()
            case "failed":
                self._answer(wasted=True)
                if self._wasteful():
                    self._open(f"most of the LLM's latest answers are of no use, such as: {result.error}")
                else:
                    self._close()

    def _answer(self, *, wasted: bool) -> None:
        self._answered = True
        self._in_doubt = 0
        self._wasted.append(wasted)

    def _wasteful(self) -> bool:
        return len(self._wasted) >= LEAST and sum(self._wasted) > WASTED_SHARE * len(self._wasted)

    def _open(self, reason: str) -> None:
        """Begin a pause; calls that fail together begin one."""
        at = self._clock()
        if not self.reason or at >= self._until:
            self._pause = min(max(FIRST_PAUSE, self._pause * 2), LONGEST_PAUSE)
            self._until = at + self._pause
        self.reason = reason

    def _close(self) -> None:
        """Let calls through; after an answer of use, what was wasted before is forgotten."""
        if not self._wasted[-1]:
            self._wasted.clear()
        self._pause, self.reason = 0.0, ""

    def _about_one_passage(self, reason: str) -> bool:
        """Tell whether what was asked is at fault, which is not certain before the LLM ever answered."""
        return reason == "over-reservation" or (reason == "rejected-request" and self._answered)
