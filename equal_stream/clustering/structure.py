"""The clusters, the evidence about them and their history, and how one is opened, ended or inherited.

What decides that a cluster is opened or ended lives next door: `splits`, `births`, `merges`, and
`maintenance`, which runs them in turn. When every place is taken, a new cluster displaces the lightest
one if that is much lighter; the nearest live cluster is its heir, so nothing that waits in it is stranded.
"""

from dataclasses import dataclass

import numpy as np

from equal_stream.clustering.base import EventKind, LineageEvent, Vectors
from equal_stream.clustering.lineage import Lineage
from equal_stream.clustering.sample import RecentSample
from equal_stream.clustering.table import ClusterTable

FIRST_PATIENCE = 24  # documents a new cluster learns before it is examined for a split
FIRST_NEWS = 32  # documents that fit no cluster before births are looked for
DISPLACED = (
    2  # times lighter than a new cluster an old one must be to give way; keeps equals from taking turns
)
STRANGERS = 512  # documents kept that fit no cluster


@dataclass
class Structure:
    """Everything that a clusterer has learned.

    Attributes
    ----------
    table, sample, strangers, lineage
        Live clusters; recent documents of each; documents that fit none; history.
    max_share
        Share of the weight above which a cluster is split for little reason.
    seed
        With `at`, decides the proposals to test, so that no generator's state has to be kept.
    at, maintained, merged
        Documents learned so far, and at the last maintenance and the last look for merges.
    news, news_wanted
        Strangers since the last look for births, and how many to wait for.
    """

    table: ClusterTable
    sample: RecentSample
    strangers: RecentSample
    lineage: Lineage
    max_share: float
    seed: int
    at: int = 0
    maintained: int = 0
    merged: int = 0
    news: int = 0
    news_wanted: int = FIRST_NEWS

    @classmethod
    def begin(
        cls, row: Vectors, *, capacity: int, sample_size: int, first_id: int, max_share: float, seed: int
    ) -> "Structure":
        """Return a structure whose first cluster is opened around one document, float32 (d,)."""
        dimension = len(row)
        structure = cls(
            table=ClusterTable.empty(capacity, dimension),
            sample=RecentSample(sample_size, dimension),
            strangers=RecentSample(STRANGERS, dimension),
            lineage=Lineage(first_id),
            max_share=max_share,
            seed=seed,
        )
        structure.open(row[None], 0.0, 0.0)
        return structure

    @property
    def dimension(self) -> int:
        """Return the number of coordinates of a document."""
        return int(self.table.centroid.shape[1])

    def open(self, rows: Vectors, count: float, weight: float, parent: int | None = None) -> int:
        """Open a cluster from a sample of its documents, record its birth or split, and return its id."""
        child = self.lineage.issue()
        slot = self.table.add(child)
        self.table.describe(slot, rows, count, weight)
        self.table.patience[slot] = FIRST_PATIENCE
        if parent is None:
            self.record("birth", child, (), (), weight)
        else:
            size = float(self.table.weight[self.table.slot(parent)])
            self.record("split", parent, (parent,), (parent, child), size)
            self.table.learned[slot] = len(rows)
        return child

    def hand_over(self, ended: int, heir: int) -> None:
        """Let `heir` carry on a cluster that ends."""
        self.lineage.end(ended, heir)
        self.sample.retag(ended, heir)

    def make_room(self, weight: float, spare: int | None = None) -> bool:
        """Return whether a cluster of `weight` may open, ending a much lighter one if every place is taken.

        `spare` is a cluster that must not be the one to end.
        """
        table = self.table
        if table.k < table.capacity:
            return True
        weights = np.where(table.ids[: table.k] == spare, np.inf, table.weight[: table.k])
        lightest = int(np.argmin(weights))
        if table.k == 1 or not DISPLACED * weights[lightest] < weight:
            return False
        self.bury(lightest)
        return True

    def bury(self, slot: int) -> None:
        """End a cluster; the nearest of the others inherits its documents and its weight."""
        table = self.table
        ended = int(table.ids[slot])
        cosines = table.centroid[: table.k] @ table.centroid[slot]
        cosines[slot] = -2
        heir = int(np.argmax(cosines))
        heir_id = int(table.ids[heir])
        self.hand_over(ended, heir_id)
        self.record("death", ended, (), (heir_id,), float(table.weight[slot]))
        table.weight[heir] += table.weight[slot]
        table.remove(slot)

    def record(
        self,
        kind: EventKind,
        cluster_id: int,
        parents: tuple[int, ...],
        children: tuple[int, ...],
        size: float,
    ) -> None:
        """Note a step of the lineage."""
        self.lineage.record(LineageEvent(kind, cluster_id, parents, children, size, self.at))
