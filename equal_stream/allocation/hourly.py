"""What was spent within the last hour, in minute buckets: bounded memory, never counted too low.

A minute counts until all of it is more than an hour old, so up to 61 buckets count at once and the
sum is never below the true sum of any hour that ends now. Time only moves forward here: a clock that
steps back keeps spending in the latest minute ever seen, and lifts nothing.
"""

from datetime import UTC, datetime
from typing import Any

_MINUTE = 60
_HOUR = 60  # minutes


class LastHour:
    """Sums of nano-USD and tokens over the last hour.

    Attributes
    ----------
    buckets
        Minute since the epoch → [nano-USD, tokens]; at most 62 of them.
    """

    def __init__(self) -> None:
        self.buckets: dict[int, list[int]] = {}
        self._latest = 0

    def add(self, amount: int, tokens: int, at: datetime) -> None:
        """Record a charge of nano-USD and tokens that fell due at `at`."""
        minute = self._advance(at)
        bucket = self.buckets.setdefault(minute, [0, 0])
        bucket[0] += amount
        bucket[1] += tokens

    def sums(self, now: datetime) -> tuple[int, int]:
        """Return the nano-USD and tokens of the hour up to `now`, rounded up to whole minutes."""
        self._advance(now)
        return sum(b[0] for b in self.buckets.values()), sum(b[1] for b in self.buckets.values())

    def _advance(self, at: datetime) -> int:
        minute = int(at.timestamp()) // _MINUTE
        if minute > self._latest:
            self._latest = minute
            self.buckets = {m: b for m, b in self.buckets.items() if m >= minute - _HOUR}
        return self._latest

    @property
    def latest(self) -> datetime:
        """The latest minute seen; charges dated before it count as of then."""
        return datetime.fromtimestamp(self._latest * _MINUTE, UTC)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"latest": self._latest, "buckets": [[m, *b] for m, b in self.buckets.items()]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._latest = state["latest"]
        self.buckets = {m: [amount, tokens] for m, amount, tokens in state["buckets"]}
