"""A process that ends with its parent, whatever the clock does.

Ray ends a worker whose raylet is gone, but by timers of the wall clock: stepped back by an hour, they stand
still for an hour, and the orphan of a killed cluster keeps what only one process may have.
"""

import logging
import os
import threading
import time

LOOK_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


def end_with_parent() -> None:
    """End this process, at once and from a thread, when the parent it has now is gone."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)  # by the monotonic clock
    _LOG.error("process %d, of which this one is part, is gone", parent)
    os._exit(1)
