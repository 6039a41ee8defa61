"""When the structure is looked at, and in which order: splits, births, merges, deaths.

Often while little is known, so that the first hundred documents already fall into clusters; rarely, and
with bounded work, once much is known, so that maintenance costs less than assigning documents does.
"""

import numpy as np

from equal_stream.clustering.births import open_births
from equal_stream.clustering.merges import merge_clusters
from equal_stream.clustering.splits import split_clusters
from equal_stream.clustering.structure import Structure

SHORTEST_WAIT, LONGEST_WAIT = 64, 1024  # documents between maintenances: an eighth of those seen in between
LONGEST_MERGE_WAIT = 4096  # every pair of clusters is compared, which costs more
YOUNG = 16_384  # documents during which the structure is still being found
TESTS_YOUNG, TESTS = 32, 4  # clusters examined for a split at one maintenance
EMPTY = 0.01  # weight in documents below which a cluster has died out: thirteen half-lives after 100


def next_maintenance(structure: Structure) -> int:
    """Return the number of documents learned at which the structure is due for `maintain`."""
    return structure.maintained + min(max(structure.at // 8, SHORTEST_WAIT), LONGEST_WAIT)


def maintain(structure: Structure, halflife: float) -> None:
    """Let weights decay (`halflife` in documents), then split, open, merge and end clusters."""
    table = structure.table
    table.weight[: table.k] *= np.float32(0.5 ** ((structure.at - structure.maintained) / halflife))
    structure.maintained = structure.at
    rng = np.random.default_rng([structure.seed % 2**32, structure.at])
    tests = TESTS_YOUNG if structure.at < YOUNG else TESTS
    split_clusters(structure, rng, tests)
    open_births(structure, rng)
    if structure.at - structure.merged >= min(max(structure.at // 8, SHORTEST_WAIT), LONGEST_MERGE_WAIT):
        structure.merged = structure.at
        merge_clusters(structure)
    for slot in range(table.k - 1, -1, -1):
        if table.k > 1 and table.weight[slot] < EMPTY:
            structure.bury(slot)
