"""Split: one cluster becomes two, because its recent documents are two topics or too wide for one.

The larger part keeps the id, so what waits in the cluster stays where most of it belongs.
"""

import numpy as np

from equal_stream.clustering.structure import FIRST_PATIENCE, Structure
from equal_stream.clustering.valley import Division, divide

FEWEST_EXAMINED = 24  # documents below which no test is significant
FEWEST_MEMBERS = 6  # documents below which a part is no cluster yet
LONGEST_PATIENCE = 512  # a cluster found whole is examined ever less often, but at least this often
SAMPLE_SHARE = (
    0.5  # or when so much of its sample is new, if that is more: large samples take long to examine
)
ALIKE = 0.65  # likeness of two parts below which they are worth telling apart
ALIKE_LARGE = 0.93  # the same for a cluster above its share
ROUND = 5  # times (1 - cohesion) / d: what tells the halves apart; chance alone brings 1.3 in a round cluster


def split_clusters(structure: Structure, rng: np.random.Generator, tests: int) -> None:
    """Examine the clusters that learned enough since the last time, children included, heaviest first.

    `tests` bounds how many are examined; the others keep their turn.
    """
    table = structure.table
    for _ in range(tests):
        due = np.flatnonzero(table.learned[: table.k] >= table.patience[: table.k])
        if len(due) == 0:
            return
        slot = int(due[np.argmax(table.weight[due])])
        if not _split(structure, slot, rng):
            table.learned[slot] = 0
            members = structure.sample.count(int(table.ids[slot]))
            table.patience[slot] = min(
                2 * table.patience[slot], max(LONGEST_PATIENCE, SAMPLE_SHARE * members)
            )


def _split(structure: Structure, slot: int, rng: np.random.Generator) -> bool:
    table, sample = structure.table, structure.sample
    parent = int(table.ids[slot])
    positions = sample.positions(parent)
    if len(positions) < FEWEST_EXAMINED:
        return False
    rows = sample.rows[positions]
    division = divide(rows, rng)
    if division is None or not (division.bimodal or _too_wide(structure, slot, division)):
        return False
    leaves = division.right_of(rows)
    if 2 * leaves.sum() > len(leaves):
        leaves = ~leaves
    share, count, weight = float(leaves.mean()), float(table.count[slot]), float(table.weight[slot])
    if leaves.sum() < FEWEST_MEMBERS or not structure.make_room(weight * share, spare=parent):
        return False
    slot = table.slot(parent)
    table.describe(slot, rows[~leaves], count * (1 - share), weight * (1 - share))
    table.patience[slot], table.learned[slot] = FIRST_PATIENCE, (~leaves).sum()
    child = structure.open(rows[leaves], count * share, weight * share, parent=parent)
    sample.tags[positions[leaves]] = child
    return True


def _too_wide(structure: Structure, slot: int, division: Division) -> bool:
    """Return whether the parts of a cluster differ more than its share of everything allows."""
    table = structure.table
    within = sum(division.within) / 2
    if within - division.between < ROUND * (1 - within) / structure.dimension:
        return False
    large = float(table.shares()[slot]) > structure.max_share
    return division.likeness(table.background()) < (ALIKE_LARGE if large else ALIKE)
