"""A thread that says a group member lives, so that long work between two polls costs it no partitions."""

import logging
import threading

from equal_stream.transport.embedded.database import Database
from equal_stream.transport.embedded.groups import Membership, clock
from equal_stream.transport.exceptions import TransportUnavailable

_LOG = logging.getLogger(__name__)
BEATS_PER_SESSION = 4


class Heartbeat:
    """Beats for one member until stopped, or until the member has not polled for `max_poll_interval`.

    Parameters
    ----------
    database
        A connection of its own, closed with the heartbeat.
    max_poll_interval
        Seconds without a poll after which the member counts as stuck, and others may take over.
    """

    def __init__(self, database: Database, membership: Membership, max_poll_interval: float) -> None:
        self._database = database
        self._membership = membership
        self._max_poll_interval = max_poll_interval
        self._polled = clock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{membership.group}", daemon=True)
        self._thread.start()

    def polled(self) -> None:
        """Note that the member is not stuck."""
        self._polled = clock()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._membership.session_timeout / BEATS_PER_SESSION
        while not self._stopped.wait(pause):
            if clock() - self._polled > self._max_poll_interval:
                continue
            try:
                with self._database.writing() as connection:
                    self._membership.beat(connection)
            except TransportUnavailable as error:
                _LOG.warning("a member of group %s could not beat: %s", self._membership.group, error)
        self._database.close()
