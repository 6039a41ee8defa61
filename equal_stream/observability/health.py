"""Whether a role is alive and ready, as Kubernetes asks it.

Alive means that the loop still turns: it gave a sign within the last N seconds. Before the first sign a
role is starting (loading the encoder takes a while), which counts as alive and not ready.
"""

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Facts = Callable[[], Mapping[str, Any]]


class Health:
    """Signs of life of one process; safe to use from several threads.

    Parameters
    ----------
    stalled_seconds
        How long a loop may stay silent before it counts as dead; its longest batch must fit in.
    clock
        Monotonic seconds.
    """

    def __init__(self, stalled_seconds: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalled_seconds = stalled_seconds
        self._clock = clock
        self._started = datetime.now(UTC)
        self._last_beat: float | None = None
        self._not_ready = "starting"
        self._facts: dict[str, Facts] = {}

    def beat(self) -> None:
        """Say that the loop has come round; the first time also that the role is ready."""
        if self._last_beat is None:
            self._not_ready = ""
        self._last_beat = self._clock()

    def not_ready(self, reason: str) -> None:
        """Say why the role cannot take work at the moment; an empty reason makes it ready again."""
        self._not_ready = reason

    def report(self, name: str, facts: Facts) -> None:
        """Add facts that `/status` shows under `name`; `facts` is called for each request."""
        self._facts[name] = facts

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last beat; 0 before the first."""
        return 0.0 if self._last_beat is None else self._clock() - self._last_beat

    @property
    def alive(self) -> bool:
        """Whether the loop gave a sign in time."""
        return self.silent_seconds <= self.stalled_seconds

    @property
    def ready(self) -> bool:
        """Whether the role takes work."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why the role is not ready; empty when it is."""
        if not self.alive:
            return f"the loop has been silent for {self.silent_seconds:.0f} s"
        return self._not_ready

    def status(self) -> dict[str, Any]:
        """Return everything about this process as JSON-like values."""
        return {
            "pid": os.getpid(),
            "started_at": self._started.isoformat(timespec="seconds"),
            "alive": self.alive,
            "ready": self.ready,
            "reason": self.reason,
            "silent_seconds": round(self.silent_seconds, 3),
            **{name: dict(facts()) for name, facts in self._facts.items()},
        }
