"""How far a role is behind: records between what its group has committed and the end of what it reads."""

import logging
import threading
from collections.abc import Sequence

from equal_stream.errors import EqualStreamError
from equal_stream.observability import metrics
from equal_stream.roles import Role
from equal_stream.settings import Settings
from equal_stream.transport.base import Transport
from equal_stream.transport.factory import open_transport

_LOG = logging.getLogger(__name__)
INTERVAL_SECONDS = 15.0  # a usual scrape interval; the broker is asked no more often


def lag_of(transport: Transport, role: Role) -> dict[str, int]:
    """Return the records a role has not yet committed, by topic."""
    names = [topic.name for topic in role.reads]
    committed = transport.group_positions(role.group, names)
    first = transport.beginning_positions(names)
    lag = dict.fromkeys(names, 0)
    for at, end in transport.end_positions(names).items():
        lag[at[0]] += max(0, end - max(committed.get(at, 0), first.get(at, 0)))
    return lag


class LagWatch:
    """Keeps the lag gauge of some roles current, from a thread and a connection of its own.

    A log that cannot be reached leaves the gauge as it was; the role itself has more to say about that.
    """

    def __init__(self, settings: Settings, roles: Sequence[Role], interval: float = INTERVAL_SECONDS) -> None:
        self._settings = settings
        self._roles = roles
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)

    def __enter__(self) -> "LagWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=1.0)  # a call to a broker that is away must not hold up the exit

    def _watch(self) -> None:
        transport: Transport | None = None
        while True:
            try:
                transport = transport or open_transport(self._settings)
                for role in self._roles:
                    for topic, records in lag_of(transport, role).items():
                        metrics.LAG.labels(topic).set(records)
            except EqualStreamError as error:
                _LOG.debug("the lag cannot be told at the moment: %s", error)
            if self._ended.wait(self._interval):
                break
        if transport is not None:
            transport.close()
