"""A limit of requests per minute, counted over the sixty seconds that just passed."""

from collections import deque
from math import ceil


class RequestLimit:
    """Admits at most `per_minute` requests within any sixty seconds; 0 admits all."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._admitted: deque[float] = deque()

    def wait(self, now: float) -> int:
        """Admit a request at `now` (seconds) and return 0, or return after how many seconds to try again."""
        if self._per_minute == 0:
            return 0
        while self._admitted and self._admitted[0] <= now - 60:
            self._admitted.popleft()
        if len(self._admitted) >= self._per_minute:
            return max(1, ceil(self._admitted[0] + 60 - now))
        self._admitted.append(now)
        return 0
