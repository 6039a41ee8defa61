"""Passages under their clusters: who waits where, while clusters split, merge and die.

Candidates and arms are two tables that count each other; this is the only place that changes both,
and it tells the policy what becomes of the rows it keeps columns for.
"""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.arms import Arms
from equal_stream.allocation.candidates import Candidates
from equal_stream.allocation.cost import CostModel
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.vector_storage import VectorStorage
from equal_stream.messages import AssignedPassage, ClusterEvent

_EVICTED_SHARE = 100  # one in so many leaves when the table is full,
_EVICTED = 64  # at most: a thousand and more at once would hold up a turn
_LEFT = 16_384  # remembered: more than leave in a turn


class Pool:
    """Waiting passages and living clusters.

    Parameters
    ----------
    dimension, limit, storage
        Of the candidate table.
    policy, cost
        Told of every birth, split, merge and end.

    Attributes
    ----------
    left
        The latest passages that had to leave the full table, with the ids of their clusters, until somebody
        takes them out.
    """

    def __init__(
        self,
        dimension: int,
        limit: int,
        policy: Policy,
        cost: CostModel,
        storage: VectorStorage | None = None,
    ) -> None:
        self.candidates = Candidates(dimension, limit, storage)
        self.arms = Arms()
        self.left: deque[tuple[str, int]] = deque(maxlen=_LEFT)
        self._policy = policy
        self._cost = cost

    def add(self, passage: AssignedPassage, vector: NDArray[np.float32], text_bytes: int) -> int:
        """Let a new passage wait under its cluster; return how many had to leave to make room."""
        evicted = self._make_room()
        arm = self._arm(passage.cluster_id)
        self.candidates.add(
            passage.passage_id,
            passage.doc_id,
            passage.url,
            vector,
            tokens=passage.tokens,
            text_bytes=text_bytes,
            before=passage.before,
            after=passage.after,
            cluster=arm,
        )
        self.arms.waiting[arm] += 1
        self._policy.arrived(arm, vector)
        return evicted

    def reassign(self, row: int, cluster_id: int) -> None:
        """Move a passage, waiting or in flight, to another cluster."""
        old, new = int(self.candidates.clusters[row]), self._arm(cluster_id)
        if old != new:
            counts = self.arms.waiting if self.candidates.waiting[row] else self.arms.in_flight
            counts[old] -= 1
            counts[new] += 1
            self.candidates.reassign(row, new)
            self._bury(old)

    def take(self, row: int) -> None:
        """Note that a waiting passage got a ticket."""
        arm = self.candidates.clusters[row]
        self.candidates.take(row)
        self.arms.waiting[arm] -= 1
        self.arms.in_flight[arm] += 1

    def put_back(self, row: int) -> None:
        """Let a passage whose ticket ended wait again."""
        arm = self.candidates.clusters[row]
        self.candidates.put_back(row)
        self.arms.waiting[arm] += 1
        self.arms.in_flight[arm] -= 1

    def remove(self, row: int) -> None:
        """Take a passage out, waiting or in flight."""
        arm = int(self.candidates.clusters[row])
        counts = self.arms.waiting if self.candidates.waiting[row] else self.arms.in_flight
        counts[arm] -= 1
        self.candidates.remove(row)
        self._bury(arm)

    def charge(self, cluster_id: int, amount: int, tokens: int) -> None:
        """Book an ended ticket of nano-USD and tokens under its cluster."""
        arm = self._arm(cluster_id)
        self.arms.tickets[arm] += 1
        self.arms.spent[arm] += amount
        self.arms.spent_tokens[arm] += tokens

    def arm_of(self, cluster_id: int) -> int:
        """Return the row of a cluster, living or resolved."""
        return self._arm(cluster_id)

    def apply(self, event: ClusterEvent) -> None:
        """Follow one step in the lineage; an event seen before changes nothing."""
        if event.event in {"birth", "split"}:
            self._branch(event)
        else:
            self._end(event)

    def _branch(self, event: ClusterEvent) -> None:
        parents = [parent for parent in event.parents if self.arms.known(parent)]
        parent = self.arms.row(parents[0]) if parents else None
        for child in event.children or [event.cluster_id]:
            if child in event.parents:
                continue
            arm = self._arm(child)
            if parent is not None and arm != parent:
                self._policy.born(arm, parent)
                self._cost.inherit(child, parents[0])
        if event.event == "split" and event.children:
            for ended in event.parents:
                if ended not in event.children:
                    self._join(ended, event.children[0], evidence=False)

    def _end(self, event: ClusterEvent) -> None:
        ended = event.parents if event.event == "merge" else [event.cluster_id]
        if event.children:
            for cluster_id in ended:
                if cluster_id != event.children[0]:
                    self._join(cluster_id, event.children[0], evidence=True)
        else:
            for cluster_id in ended:
                if self.arms.known(cluster_id):
                    row = self.arms.row(cluster_id)
                    self.arms.dying[row] = True
                    self._bury(row)

    def _join(self, ended: int, survivor: int, *, evidence: bool) -> None:
        row = self.arms.row(ended) if self.arms.known(ended) else None
        if not self.arms.lineage.end(ended, survivor) or row is None:
            return
        heir = self._arm(survivor)
        if heir == row:
            return
        self.candidates.move(row, heir)
        if evidence:
            self._policy.merged(heir, row)
            self._cost.merge(survivor, ended)
        else:
            self._policy.freed(row)
            self._cost.forget(ended)
        self.arms.absorb(row, heir)

    def _arm(self, cluster_id: int) -> int:
        if self.arms.known(cluster_id):
            return self.arms.row(cluster_id)
        row = self.arms.row(cluster_id)
        self._policy.born(row, None)
        return row

    def _bury(self, row: int) -> None:
        if self.arms.is_over(row):
            self._cost.forget(int(self.arms.ids[row]))
            self._policy.freed(row)
            self.arms.free(row)

    def _make_room(self) -> int:
        table = self.candidates
        if len(table) < table.limit:
            return 0
        rows = table.least_valuable(min(max(1, table.limit // _EVICTED_SHARE), _EVICTED))
        for row in rows.tolist():
            self.left.append((table.ids[row], int(self.arms.ids[table.clusters[row]])))
            self.remove(row)
        return len(rows)

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {"candidates": self.candidates.to_state(), "arms": self.arms.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.candidates.load_state(state["candidates"])
        self.arms.load_state(state["arms"])
