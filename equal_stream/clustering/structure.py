"""The four decisions that let clusters evolve: birth, split, merge, death.

All follow one criterion, the valley (see `valley`): a cluster whose recent documents show one is
split; documents far from every cluster that show one are a birth; two neighbours without one merge.
Two things overrule shape. A cluster that holds more than `max_share` of everything is split wherever
its documents have structure at all, so that none swallows the stream. And when every place is taken, a
new cluster displaces the lightest one if that is lighter; the nearest live cluster is its heir.
"""

from dataclasses import dataclass

import numpy as np

from equal_stream.clustering.base import EventKind, LineageEvent, Vectors
from equal_stream.clustering.lineage import Lineage
from equal_stream.clustering.sample import NO_CLUSTER, RecentSample
from equal_stream.clustering.table import ClusterTable
from equal_stream.clustering.valley import divide, valley_depths

EXAMINED = 256  # newest documents of a cluster that a test looks at; more cost time and found no more
FEWEST_EXAMINED = 24  # documents below which a test cannot be significant
TESTS = 32  # splits tried at one maintenance, which bounds its time
FIRST_PATIENCE = 24  # documents a new cluster learns before it is examined again
LONGEST_PATIENCE = (
    2048  # a cluster that was found whole is examined ever less often, but never less than this
)
ISOTROPIC = 1.3  # times 1/d: the structure that chance alone shows between halves of a round cluster
STRUCTURE = 0.02  # share of variance between halves beyond which a cluster has parts worth telling apart
TIGHT = 0.8  # cohesion above which documents are near copies, and a large share is no reason to split
UNIMODAL = 0.24  # share near the midpoint beyond which two neighbours are one topic
EMPTY = 0.01  # weight in documents below which a cluster has died out


@dataclass
class Structure:
    """The clusters, the evidence about them and their history, and the decisions over all three.

    Attributes
    ----------
    table, sample, strangers, lineage
        Live clusters; recent documents of each; documents that fit none; history.
    max_share
        Share of the weight above which a cluster with structure is split.
    seed
        With `at`, decides the proposals to test, so that no generator's state has to be kept.
    at
        Documents learned so far.
    """

    table: ClusterTable
    sample: RecentSample
    strangers: RecentSample
    lineage: Lineage
    max_share: float
    seed: int
    at: int = 0

    def first(self, row: Vectors) -> None:
        """Open the first cluster around one document, float32 (d,)."""
        self._open(row[None], 0.0, 0.0)

    def maintain(self, newcomers: bool) -> bool:
        """Look for splits, births, merges and deaths; return whether any cluster changed."""
        before = self.lineage.changes
        rng = np.random.default_rng([self.seed % 2**32, self.at])
        self._split_all(rng)
        if newcomers:
            self._births(rng)
        self._merge_all()
        self._bury_empty()
        return self.lineage.changes != before

    # -- split -------------------------------------------------------------------------------------

    def _split_all(self, rng: np.random.Generator) -> None:
        """Examine every cluster that learned enough, children included, heaviest first."""
        table = self.table
        for _ in range(TESTS):
            k = table.k
            due = np.flatnonzero(table.learned[:k] >= table.patience[:k])
            if len(due) == 0:
                return
            slot = int(due[np.argmax(table.weight[due])])
            if not self._split(slot, rng):
                table.learned[slot] = 0
                table.patience[slot] = min(2 * table.patience[slot], LONGEST_PATIENCE)

    def _split(self, slot: int, rng: np.random.Generator) -> bool:
        table, sample = self.table, self.sample
        parent = int(table.ids[slot])
        positions = sample.positions(parent)
        if len(positions) < FEWEST_EXAMINED:
            return False
        division = divide(sample.rows[positions[:EXAMINED]], rng)
        if division is None or not (division.bimodal or self._too_large(slot, division.structure)):
            return False
        rows = sample.rows[positions]
        leaves = rows @ division.right > rows @ division.left
        if 2 * leaves.sum() > len(leaves):
            leaves = ~leaves
        share = float(leaves.mean())
        weight = float(table.weight[slot])
        if share == 0 or not self._make_room(weight * share, spare=parent):
            return False
        slot = table.slot(parent)
        count = float(table.count[slot])
        table.describe(slot, rows[~leaves], count * (1 - share), weight * (1 - share))
        self._rest(slot)
        child = self._open(rows[leaves], count * share, weight * share, parent=parent)
        sample.tags[positions[leaves]] = child
        return True

    def _too_large(self, slot: int, structure: float) -> bool:
        table = self.table
        if table.k > 1 and float(table.shares()[slot]) <= self.max_share:
            return False
        background = table.background()
        cohesion = (float(table.mean[slot]) ** 2 - background) / max(1 - background, 1e-6)
        return cohesion < TIGHT and structure > STRUCTURE + ISOTROPIC / table.centroid.shape[1]

    # -- birth -------------------------------------------------------------------------------------

    def _births(self, rng: np.random.Generator) -> None:
        """Open a cluster for each group of strangers that is closer to itself than to any cluster."""
        strangers = self.strangers
        pieces = [strangers.positions(0)]
        for _ in range(TESTS):
            if not pieces:
                return
            positions = pieces.pop()
            if len(positions) < FEWEST_EXAMINED:
                continue
            rows = strangers.rows[positions]
            division = divide(rows[:EXAMINED], rng)
            if division is not None and division.bimodal:
                right = rows @ division.right > rows @ division.left
                pieces += [positions[right], positions[~right]]
            elif self._stands_alone(rows) and self._make_room(float(len(rows))):
                child = self._open(rows, float(len(rows)), float(len(rows)))
                self.sample.add(rows, np.full(len(rows), child, dtype=np.int64))
                strangers.tags[positions] = NO_CLUSTER

    def _stands_alone(self, rows: Vectors) -> bool:
        """Return whether documents are closer to the others among them than to the clusters there are."""
        table = self.table
        others = rows.sum(axis=0) - rows
        length = np.sqrt(np.einsum("ij,ij->i", others, others))
        own = np.einsum("ij,ij->i", rows, others) / np.maximum(length, np.float32(1e-12))
        nearest = (rows @ table.centroid[: table.k].T).max(axis=1)
        return bool(np.median(own) > np.median(nearest))

    # -- merge -------------------------------------------------------------------------------------

    def _merge_all(self) -> None:
        """Merge nearest neighbours without a valley between them, while their share stays moderate."""
        table = self.table
        k = table.k
        if k < 2:
            return
        cosines = table.centroid[:k] @ table.centroid[:k].T
        np.fill_diagonal(cosines, -2)
        nearest = cosines.argmax(axis=1)
        closeness = cosines[np.arange(k), nearest]
        pairs = [
            (int(table.ids[i]), int(table.ids[nearest[i]]))
            for i in np.argsort(-closeness, kind="stable")
            if i < nearest[i] or nearest[nearest[i]] != i
        ]
        ended: set[int] = set()
        for a, b in pairs[:8]:
            if a not in ended and b not in ended and self._one_topic(table.slot(a), table.slot(b)):
                ended.add(self._merge(table.slot(a), table.slot(b)))

    def _one_topic(self, i: int, j: int) -> bool:
        table, sample = self.table, self.sample
        shares = table.shares()
        if float(shares[i] + shares[j]) > self.max_share / 2:
            return False
        left = sample.rows[sample.positions(int(table.ids[i]), EXAMINED // 2)]
        right = sample.rows[sample.positions(int(table.ids[j]), EXAMINED // 2)]
        if min(len(left), len(right)) < FEWEST_EXAMINED // 2:
            return False
        line = table.centroid[j] - table.centroid[i]
        projections = np.concatenate([left, right]) @ line[:, None]
        middle = (projections[: len(left)].mean() + projections[len(left) :].mean()) / 2
        side = projections > middle
        if not 0 < side.sum() < len(side):
            return True
        near, _ = valley_depths(projections, side)
        return bool(near.max() > UNIMODAL)

    def _merge(self, i: int, j: int) -> int:
        """Merge two rows into the heavier one and return the id that ended."""
        table = self.table
        keep, gone = (i, j) if table.weight[i] >= table.weight[j] else (j, i)
        survivor, ended = int(table.ids[keep]), int(table.ids[gone])
        table.absorb(keep, gone)
        self._rest(keep)
        self._hand_over(ended, survivor)
        self._record("merge", survivor, (ended,), (survivor,), float(table.weight[keep]))
        table.remove(gone)
        return ended

    # -- death -------------------------------------------------------------------------------------

    def _make_room(self, weight: float, spare: int = -1) -> bool:
        """Return whether a cluster of `weight` may open, ending the lightest one if every place is taken."""
        table = self.table
        if table.k < table.capacity:
            return True
        candidates = np.where(table.ids[: table.k] == spare, np.inf, table.weight[: table.k])
        lightest = int(np.argmin(candidates))
        if table.k == 1 or not candidates[lightest] < weight:
            return False
        self._bury(lightest)
        return True

    def _bury_empty(self) -> None:
        for slot in range(self.table.k - 1, -1, -1):
            if self.table.k > 1 and self.table.weight[slot] < EMPTY:
                self._bury(slot)

    def _bury(self, slot: int) -> None:
        table = self.table
        ended = int(table.ids[slot])
        cosines = table.centroid[: table.k] @ table.centroid[slot]
        cosines[slot] = -2
        heir = int(table.ids[int(np.argmax(cosines))])
        self._hand_over(ended, heir)
        self._record("death", ended, (), (heir,), float(table.weight[slot]))
        table.weight[table.slot(heir)] += table.weight[slot]
        table.remove(slot)

    # -- shared ------------------------------------------------------------------------------------

    def _open(self, rows: Vectors, count: float, weight: float, parent: int | None = None) -> int:
        """Open a cluster from a sample of its documents and record its birth or its split."""
        child = self.lineage.issue()
        slot = self.table.add(child, FIRST_PATIENCE)
        self.table.describe(slot, rows, count, weight)
        self.table.learned[slot] = len(rows) if parent is not None else 0
        if parent is None:
            self._record("birth", child, (), (), weight)
        else:
            size = float(self.table.weight[self.table.slot(parent)])
            self._record("split", parent, (parent,), (parent, child), size)
        return child

    def _rest(self, slot: int) -> None:
        """Examine a changed cluster again soon."""
        self.table.patience[slot] = FIRST_PATIENCE
        self.table.learned[slot] = len(self.sample.positions(int(self.table.ids[slot]), FIRST_PATIENCE))

    def _hand_over(self, ended: int, heir: int) -> None:
        self.lineage.end(ended, heir)
        self.sample.retag(ended, heir)

    def _record(
        self,
        kind: EventKind,
        cluster_id: int,
        parents: tuple[int, ...],
        children: tuple[int, ...],
        size: float,
    ) -> None:
        self.lineage.record(LineageEvent(kind, cluster_id, parents, children, size, self.at))
