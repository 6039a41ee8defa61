"""Stopping in good order: SIGTERM and Ctrl-C set an event that the loops look at; a second one ends at once.

A loop that asks whether to stop shows by this that it still turns, so asking is also its heartbeat.
"""

import os
import signal
import threading
from types import FrameType

from equal_stream.observability.health import Health

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal(threading.Event):
    """The event that loops look at: ``while not stop.is_set()``.

    Parameters
    ----------
    health
        Gets a beat each time a loop asks.
    """

    def __init__(self, health: Health | None = None) -> None:
        super().__init__()
        self.health = health or Health()
        self._asked = False

    def is_set(self) -> bool:
        """Return whether to stop."""
        self.health.beat()
        return self._asked or super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be stopped for at most `timeout` seconds; return whether to stop."""
        self.health.beat()
        return super().wait(timeout) or self._asked

    def listen(self) -> None:
        """Handle SIGTERM and SIGINT from now on; only the main thread may call this."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        # A handler runs between two instructions of the main thread, which may hold the event's lock
        # right now; waking the waiters from here could wait for that lock for ever.
        threading.Thread(target=self.set, daemon=True).start()
