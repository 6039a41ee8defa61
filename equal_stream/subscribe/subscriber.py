"""The loop of a subscriber: read what is committed, hand it on, and only then remember that it was read.

A group's positions are committed after the output is flushed. A crash between the two repeats what was
read last, under the same ids; nothing is ever left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from equal_stream.errors import InvalidRecord
from equal_stream.messages import QAPair
from equal_stream.subscribe.outputs import PairOutput
from equal_stream.subscribe.selection import PairSelection
from equal_stream.topics import PAIRS
from equal_stream.transport.base import Consumer, Positions, Record, TopicPartition, Transport
from equal_stream.transport.codec import decode
from equal_stream.transport.exceptions import PositionsLost

_BATCH = 500
_WAIT_SECONDS = 0.5  # how long a stop may go unnoticed


class Stop(Protocol):
    """Tells whether to stop."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


@dataclass
class SubscriptionCounts:
    """What a subscriber has seen: pairs handed on, withdrawals, pairs not wanted, values that are no pair."""

    pairs: int = 0
    withdrawn: int = 0
    others: int = 0
    invalid: int = 0


class Subscriber:
    """Reads `qa.pairs` for one output.

    Parameters
    ----------
    transport
        The log.
    output
        Gets the pairs.
    selection
        Which pairs; withdrawals are always handed on, since only the pair would tell whether it was wanted.
    group
        Shares the pairs with the other members and goes on where it stopped; empty: reads by itself and
        remembers nothing.
    from_end
        Begin with what is new, where the group has no position yet.
    limit
        Pairs to hand on before it ends; None: no end.
    warn
        Called with a sentence about each value that is no pair.
    """

    def __init__(
        self,
        transport: Transport,
        output: PairOutput,
        selection: PairSelection,
        *,
        group: str = "",
        from_end: bool = False,
        limit: int | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._output = output
        self._selection = selection
        self._group = group
        self._from_end = from_end
        self._limit = limit
        self._warn = warn
        self._begun: set[TopicPartition] = set()
        self.counts = SubscriptionCounts()

    @property
    def complete(self) -> bool:
        """Whether as many pairs were handed on as were asked for."""
        return self._limit is not None and self.counts.pairs >= self._limit

    def run(self, stop: Stop) -> SubscriptionCounts:
        """Hand on pairs until told to stop, the limit is reached, or nobody reads the output any more."""
        topics = [PAIRS.name]
        if self._group:
            consumer: Consumer = self._transport.member(topics, self._group)
        else:
            consumer = self._transport.reader(topics, from_end=self._from_end)
        try:
            self._output.flush()
            while not (stop.is_set() or self.complete or self._output.gone()):
                self._batch(consumer)
        finally:
            consumer.close()
        return self.counts

    def _batch(self, consumer: Consumer) -> None:
        """Read, hand on, flush, commit: in this order."""
        records = consumer.poll(_BATCH, _WAIT_SECONDS)
        passed_over = self._begin_at_end(consumer) if self._group and self._from_end else set()
        done: Positions = {}
        for record in records:
            if (record.topic, record.partition) in passed_over:
                continue
            self._hand_on(record)
            done[record.topic, record.partition] = record.offset + 1
            if self.complete:
                break
        if not done:
            return
        self._output.flush()
        if self._group:
            self._commit(consumer, done)

    def _hand_on(self, record: Record) -> None:
        if record.value is None:
            self.counts.withdrawn += 1
            self._output.withdrawn((record.key or b"").decode("utf-8", "replace"))
            return
        try:
            pair = decode(record, QAPair)
        except InvalidRecord as error:
            self.counts.invalid += 1
            self._warn(f"{record.topic}, partition {record.partition}, offset {record.offset}: {error}")
            return
        if self._selection.takes(pair):
            self.counts.pairs += 1
            self._output.pair(pair)
        else:
            self.counts.others += 1

    def _begin_at_end(self, consumer: Consumer) -> set[TopicPartition]:
        """Move partitions that this group never read to their end; return them: what was polled is old."""
        new = consumer.assignment() - self._begun
        if not new:
            return set()
        self._begun |= new
        unread = new - consumer.committed().keys()
        end = self._transport.end_positions([PAIRS.name])
        at = {partition: end[partition] for partition in unread if partition in end}
        if at:
            consumer.seek(at)
            self._commit(consumer, at)  # whoever gets the partition next begins here too
        return set(at)

    def _commit(self, consumer: Consumer, positions: Positions) -> None:
        try:
            consumer.commit(positions)
        except PositionsLost:
            self._begun &= consumer.assignment()  # another member reads them again from what is committed
