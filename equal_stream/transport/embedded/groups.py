"""Consumer groups of the embedded log: who reads which partition, and how far each group has come.

Members take leases on partitions. Whoever polls first after something changed tidies up: it drops
members not seen for a session timeout, gives up what is more than its fair share and takes what is free.
Nothing stops while this happens, and no member is needed for it that may be dead. Commits check the
lease inside their own transaction, so a member that was given up for dead cannot commit.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from equal_stream.transport.exceptions import PositionsLost


def clock() -> float:
    """Return seconds on a clock that all processes of the machine share and that is never set back."""
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Membership:
    """One member of one group.

    Parameters
    ----------
    group
        Name of the group.
    member
        Unique name of the member.
    partition_ids
        What it subscribes to: partition ids by topic name.
    session_timeout
        Seconds after which a silent member is given up for dead.
    """

    group: str
    member: str
    partition_ids: Mapping[str, Sequence[int]]
    session_timeout: float

    def generation(self, connection: sqlite3.Connection) -> int:
        """Return the group's generation: it grows whenever partitions may have come free or members come."""
        row = connection.execute("SELECT generation FROM groups WHERE name = ?", (self.group,)).fetchone()
        return row[0] if row else 0

    def beat(self, connection: sqlite3.Connection) -> None:
        """Say that this member lives."""
        connection.execute(
            "UPDATE members SET seen = ? WHERE group_name = ? AND member = ?",
            (clock(), self.group, self.member),
        )

    def sync(self, connection: sqlite3.Connection) -> set[int]:
        """Join if need be, take and give partitions, and return the ids of those now owned."""
        self._expire(connection)
        self._join(connection)
        subscriptions = self._subscriptions(connection)
        owners = dict(
            connection.execute("SELECT partition_id, member FROM owners WHERE group_name = ?", (self.group,))
        )
        owned: set[int] = set()
        for topic, ids in self.partition_ids.items():
            share = self._share(topic, len(ids), subscriptions)
            mine = [each for each in ids if owners.get(each) == self.member]
            free = [each for each in ids if each not in owners]
            self._release(connection, mine[share:])
            taken = free[: max(0, share - len(mine))]
            connection.executemany(
                "INSERT INTO owners VALUES (?, ?, ?)", [(self.group, each, self.member) for each in taken]
            )
            owned.update(mine[:share], taken)
        return owned

    def leave(self, connection: sqlite3.Connection) -> None:
        """Free everything this member holds."""
        self._remove(connection, [self.member])

    def check_owned(self, connection: sqlite3.Connection, partition_ids: Iterable[int]) -> None:
        """Raise `PositionsLost` unless this member holds all of these partitions."""
        for partition_id in partition_ids:
            owner = connection.execute(
                "SELECT member FROM owners WHERE group_name = ? AND partition_id = ?",
                (self.group, partition_id),
            ).fetchone()
            if owner != (self.member,):
                raise PositionsLost(
                    f"a partition of group {self.group} was taken away while its records were in work: "
                    "they are read again by its new owner"
                )

    def _expire(self, connection: sqlite3.Connection) -> None:
        """Drop members that are silent; a time in the future is from before the machine restarted."""
        now = clock()
        dead = [
            member
            for member, seen in connection.execute(
                "SELECT member, seen FROM members WHERE group_name = ?", (self.group,)
            )
            if member != self.member and abs(now - seen) > self.session_timeout
        ]
        if dead:
            self._remove(connection, dead)

    def _join(self, connection: sqlite3.Connection) -> None:
        joined = connection.execute(
            "INSERT INTO members VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self.group, self.member, msgspec.json.encode(list(self.partition_ids)).decode(), clock()),
        )
        if joined.rowcount:
            self._advance(connection)
        else:
            self.beat(connection)

    def _share(self, topic: str, partitions: int, subscriptions: Mapping[str, Sequence[str]]) -> int:
        """Return how many partitions of a topic are this member's: all shares differ by one at most."""
        members = [member for member, topics in subscriptions.items() if topic in topics]
        least, over = divmod(partitions, len(members))
        return least + (members.index(self.member) < over)

    def _subscriptions(self, connection: sqlite3.Connection) -> dict[str, list[str]]:
        return {
            member: msgspec.json.decode(topics, type=list[str])
            for member, topics in connection.execute(
                "SELECT member, topics FROM members WHERE group_name = ? ORDER BY member", (self.group,)
            )
        }

    def _remove(self, connection: sqlite3.Connection, members: Sequence[str]) -> None:
        pairs = [(self.group, member) for member in members]
        connection.executemany("DELETE FROM members WHERE group_name = ? AND member = ?", pairs)
        connection.executemany("DELETE FROM owners WHERE group_name = ? AND member = ?", pairs)
        self._advance(connection)

    def _release(self, connection: sqlite3.Connection, partition_ids: Sequence[int]) -> None:
        if not partition_ids:
            return
        connection.executemany(
            "DELETE FROM owners WHERE group_name = ? AND partition_id = ?",
            [(self.group, each) for each in partition_ids],
        )
        self._advance(connection)

    def _advance(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO groups VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET generation = generation + 1",
            (self.group,),
        )


def committed(connection: sqlite3.Connection, group: str) -> dict[int, int]:
    """Return the positions of a group by partition id."""
    return dict(
        connection.execute("SELECT partition_id, next_offset FROM positions WHERE group_name = ?", (group,))
    )


def commit(connection: sqlite3.Connection, group: str, positions: Mapping[int, int]) -> None:
    """Write the positions of a group, by partition id."""
    connection.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
        [(group, partition_id, offset) for partition_id, offset in positions.items()],
    )
