"""Reading the embedded log: all partitions of some topics, or a member's share of them."""

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from equal_stream.observability import metrics
from equal_stream.transport.base import Positions, Record, TopicPartition
from equal_stream.transport.embedded import groups, log
from equal_stream.transport.embedded.database import Database
from equal_stream.transport.embedded.groups import Membership
from equal_stream.transport.embedded.heartbeat import BEATS_PER_SESSION, Heartbeat
from equal_stream.transport.exceptions import PositionsLost, TransportError

_LOG = logging.getLogger(__name__)
_SHORTEST_WAIT = 0.001
_LONGEST_WAIT = 0.032  # doubled from the shortest: news are seen within some 30 ms at next to no cost
_POLL_BYTES = 64 << 20  # a poll holds no more than this, however large the records are


@dataclass(frozen=True, slots=True)
class Claim:
    """Positions that a consumer asks to commit, with the member that must still own the partitions."""

    consumer: "EmbeddedConsumer"
    group: str
    membership: Membership | None
    positions: Mapping[int, int]

    def apply(self, connection: sqlite3.Connection) -> None:
        """Commit the positions within an open transaction; raises `PositionsLost`."""
        if self.membership:
            self.membership.check_owned(connection, self.positions)
        groups.commit(connection, self.group, self.positions)


class EmbeddedConsumer:
    """A reader of all the given partitions, or with a `membership` a member that shares them.

    Parameters
    ----------
    database
        A connection of its own, closed with the consumer.
    ids
        Partition ids by (topic, partition): everything it may read.
    group
        Where positions are committed; None for a reader that only reads.
    membership, heartbeat
        Both for a member, neither for a reader.
    compacted
        Partitions in which gaps are nothing to speak of.
    from_end
        Start at the end where nothing is committed.
    on_close
        Called once when closed.
    """

    def __init__(
        self,
        database: Database,
        ids: Mapping[TopicPartition, int],
        group: str | None,
        *,
        membership: Membership | None = None,
        heartbeat: Heartbeat | None = None,
        compacted: Collection[TopicPartition] = (),
        from_end: bool = False,
        on_close: Callable[["EmbeddedConsumer"], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._ids = dict(ids)
        self._group = group
        self._membership = membership
        self._heartbeat = heartbeat
        self._compacted = frozenset(compacted)
        self._on_close = on_close
        self._positions: Positions = {}
        self._generation = -1
        self._next_sync = 0.0
        self._turn = 0
        self._closed = False
        if membership is None:
            self._start(set(ids), from_end=from_end)

    def poll(self, max_records: int, timeout: float) -> list[Record]:
        """Return up to `max_records` records, waiting at most `timeout` seconds for the first."""
        give_up = time.monotonic() + timeout
        while True:
            self._keep_membership()
            version = self._database.version()
            records = self._read(max_records)
            if records or time.monotonic() >= give_up:
                return records
            self._wait_for_change(version, give_up)

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions this consumer reads at the moment."""
        return set(self._positions)

    def positions(self) -> Positions:
        """Return the next offset that `poll` reads, for each assigned partition."""
        return dict(self._positions)

    def committed(self) -> Positions:
        """Return what the group has committed, for the assigned partitions that have anything."""
        if self._group is None:
            return {}
        with self._database.reading() as connection:
            found = groups.committed(connection, self._group)
        return {at: found[self._ids[at]] for at in self._positions if self._ids[at] in found}

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read on from these offsets; see `Consumer.seek`."""
        for at, offset in positions.items():
            if at in self._positions:
                self._positions[at] = offset

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit outside a transaction; raises `PositionsLost`."""
        claim = self.claim(positions)
        try:
            with self._database.writing() as connection:
                claim.apply(connection)
        except PositionsLost:
            self.rewind()
            raise

    def rewind(self) -> None:
        """Go back to what is committed, so that dropped work is read again."""
        self._start(set(self._positions))

    def claim(self, positions: Mapping[TopicPartition, int]) -> Claim:
        """Return these positions as something a transaction can commit; raises `PositionsLost`."""
        if self._group is None:
            raise TransportError("a reader without a group cannot commit positions: give it a group")
        if self._membership:
            for at, offset in positions.items():
                if offset > self._positions.get(at, -1):
                    self.rewind()
                    raise PositionsLost(
                        f"partition {at[1]} of {at[0]} was taken from group {self._group} while its records "
                        "were in work: they are read again"
                    )
        return Claim(
            self, self._group, self._membership, {self._ids[at]: each for at, each in positions.items()}
        )

    def lag(self) -> dict[TopicPartition, int]:
        """Return how many records lie between the position and the end, for each assigned partition."""
        with self._database.reading() as connection:
            ends = log.ends(connection, self._ids)
        return {at: max(0, ends[at] - position) for at, position in self._positions.items()}

    def close(self) -> None:
        """Leave the group and free the connection."""
        if self._closed:
            return
        self._closed = True
        if self._heartbeat:
            self._heartbeat.stop()
        try:
            if self._membership:
                with self._database.writing() as connection:
                    self._membership.leave(connection)
        finally:
            self._database.close()
            self._on_close(self)

    def _keep_membership(self) -> None:
        if not self._membership or not self._heartbeat:
            return
        self._heartbeat.polled()
        with self._database.reading() as connection:
            generation = self._membership.generation(connection)
        if generation == self._generation and groups.clock() < self._next_sync:
            return
        with self._database.writing() as connection:
            owned = self._membership.sync(connection)
            self._generation = self._membership.generation(connection)
        self._next_sync = groups.clock() + self._membership.session_timeout / BEATS_PER_SESSION
        assigned = {at for at, partition_id in self._ids.items() if partition_id in owned}
        for lost in self._positions.keys() - assigned:
            del self._positions[lost]
        self._start(assigned - self._positions.keys())

    def _start(self, partitions: set[TopicPartition], *, from_end: bool = False) -> None:
        """Set the positions of newly assigned partitions: as committed, or at one end of the log."""
        if not partitions:
            return
        ids = {at: self._ids[at] for at in partitions}
        with self._database.reading() as connection:
            found = groups.committed(connection, self._group) if self._group else {}
            default = log.ends(connection, ids) if from_end else log.beginnings(connection, ids)
        self._positions.update({at: found.get(ids[at], default[at]) for at in partitions})

    def _read(self, max_records: int) -> list[Record]:
        """Read from every partition that has news, the same share of each, another one first each time."""
        records: list[Record] = []
        size = 0
        with self._database.reading() as connection:
            ends = log.ends(connection, self._ids)
            ready = sorted(at for at, position in self._positions.items() if position != ends[at])
            self._turn += 1
            for index in range(len(ready)):
                at = ready[(index + self._turn) % len(ready)]
                share = -(-(max_records - len(records)) // (len(ready) - index))
                if share <= 0 or size >= _POLL_BYTES:
                    break
                if self._positions[at] > ends[at]:  # the log was made anew: begin again
                    self._positions[at] = 0
                stretch = log.Stretch(at, self._ids[at], self._positions[at], share, _POLL_BYTES - size)
                found = log.read(connection, stretch)
                self._tell_expired(at, self._positions[at], found[0].offset if found else ends[at])
                records += found
                size += sum(len(each.value or b"") for each in found)
                self._positions[at] = found[-1].offset + 1 if found else ends[at]
        return records

    def _tell_expired(self, at: TopicPartition, position: int, first: int) -> None:
        """Say so when retention has taken records that the group had not read: nothing is lost in silence."""
        if first == position or self._group is None or at in self._compacted:
            return
        metrics.RECORDS_EXPIRED.labels(at[0]).inc(first - position)
        _LOG.warning(
            "%d records of %s, partition %d, from offset %d on, were past the topic's retention before "
            "group %s had read them and are gone",
            first - position,
            *at,
            position,
            self._group,
        )

    def _wait_for_change(self, version: int, give_up: float) -> None:
        """Sleep until another connection has written, it is time to look after the group, or too late."""
        until = min(give_up, self._next_sync) if self._membership else give_up
        pause = _SHORTEST_WAIT
        while (left := until - time.monotonic()) > 0 and self._database.version() == version:
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_WAIT)
