"""The operator's hand on the money: `budget.changes`, read before every choice.

It is read apart from all other inputs, so that a cap that is lowered or a pause never waits behind a crawl.
"""

import logging
from collections.abc import Iterable

from equal_stream import topics
from equal_stream.allocation.caps import KEYS, CapsInForce, change_of, lowest
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocator.reading import read_to_end
from equal_stream.errors import InvalidRecord
from equal_stream.messages import BudgetChange, now
from equal_stream.settings import BudgetSettings
from equal_stream.transport.base import Producer, Record, Transport
from equal_stream.transport.codec import decode, encode

SOURCE = "allocator"
_MANY = 500  # records of a look at most; what is left comes with the next choice
_LOG = logging.getLogger(__name__)


class BudgetWatch:
    """Keeps a core's caps at what was said last.

    1. Read everything that was said.
    2. If the settings' caps are not those that an allocator told last, tell them: they hold from here on.
       What was set before any allocator ran holds over them where it is lower, and is told again.

    Parameters
    ----------
    producer
        The allocator's, so that an earlier one that still runs cannot tell its own any more.
    """

    def __init__(self, core: AllocatorCore, transport: Transport, producer: Producer) -> None:
        self._core = core
        configured = core.holdings.budget.configured
        self._in_force = CapsInForce(configured)
        # 1. Read.
        end = transport.end_positions([topics.BUDGET.name])
        self._fold(read_to_end(transport, [topics.BUDGET.name]))
        # 2. Tell.
        if self._in_force.configured != configured:
            told = [change_of("configured", configured, now()), *self._beforehand(configured)]
            with producer.transaction() as transaction:
                for each in told:
                    transaction.send(
                        encode(each, topic=topics.BUDGET.name, key=KEYS[each.change], source=SOURCE)
                    )
            for each in told:
                self._in_force.apply(each)
        self._heed()
        self._reader = transport.reader([topics.BUDGET.name])
        self._reader.seek(end)

    def _beforehand(self, configured: BudgetSettings) -> list[BudgetChange]:
        """Return what was set before any allocator ran, as far as it lowers a cap of the settings."""
        said = self._in_force
        if said.changed_at is None:
            return []
        lower = lowest(configured, said.caps)
        if said.configured is None and lower != configured:
            _LOG.warning("lowered before the first start: %s", lower.model_dump(exclude_none=True))
            return [change_of("set", lower, said.changed_at)]
        _LOG.warning("the settings have other caps than before: what was changed since is void")
        return []

    def look(self) -> bool:
        """Heed what was said since the last look; tell whether anything was."""
        records = self._reader.poll(_MANY, 0.0)
        if records:
            self._fold(records)
            self._heed()
        return bool(records)

    def close(self) -> None:
        """Free the connection."""
        self._reader.close()

    def _fold(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                self._in_force.apply(decode(record, BudgetChange))
            except InvalidRecord:  # becomes a dead letter where all inputs are taken in
                continue

    def _heed(self) -> None:
        held, said = self._core.holdings.budget, self._in_force
        if held.caps != said.caps:
            _LOG.warning("caps in force: %s", said.caps.model_dump(exclude_none=True))
            self._core.change_budget(said.caps)
        if said.paused and not held.paused:
            _LOG.warning("paused: nothing is bought until `equal-stream budget resume`")
            self._core.pause()
        elif held.paused and not said.paused:
            _LOG.warning("resumed")
            self._core.resume()
