"""Merge: two neighbours turn out to be one topic, and the lighter one ends."""

import numpy as np

from equal_stream.clustering.base import Vectors
from equal_stream.clustering.structure import FIRST_PATIENCE, Structure
from equal_stream.clustering.table import ClusterTable
from equal_stream.clustering.valley import shows_valley

LIKENESS = 0.9  # between clusters, beyond which they may be one; far above what splits them
ROOM = 0.75  # of the largest share that two may have together, so that they are not split again
EXAMINED = 128  # newest documents of each that are looked at
CANDIDATES = 16  # pairs tested at one look, the most alike first


def merge_clusters(structure: Structure) -> None:
    """Merge the most alike pairs of clusters between whose recent documents there is no valley."""
    table = structure.table
    if table.k < 2:
        return
    first, second = np.triu_indices(table.k, 1)
    likeness = _likeness(table)[first, second]
    shares = table.shares()
    alike = np.flatnonzero(
        (likeness > LIKENESS) & (shares[first] + shares[second] < ROOM * structure.max_share)
    )
    chosen = alike[np.argsort(-likeness[alike], kind="stable")][:CANDIDATES]
    pairs = [(int(table.ids[first[pair]]), int(table.ids[second[pair]])) for pair in chosen]
    changed: set[int] = set()
    for a, b in pairs:
        if not {a, b} & changed and _one_topic(structure, a, b):
            _merge(structure, a, b)
            changed |= {a, b}


def _likeness(table: ClusterTable) -> Vectors:
    """Return the cosine between any two clusters beyond that of any two documents, float32 (k, k)."""
    background = np.float32(table.background())
    means = table.centroid[: table.k] * table.mean[: table.k, None]
    spread = np.sqrt(np.maximum(np.square(table.mean[: table.k]) - background, np.float32(1e-3)))
    likeness: Vectors = (means @ means.T - background) / (spread[:, None] * spread)
    return likeness


def _one_topic(structure: Structure, a: int, b: int) -> bool:
    sample = structure.sample
    left, right = (sample.rows[sample.positions(cluster_id, EXAMINED)] for cluster_id in (a, b))
    return len(left) > 0 and len(right) > 0 and not shows_valley(left, right)


def _merge(structure: Structure, a: int, b: int) -> None:
    table = structure.table
    i, j = table.slot(a), table.slot(b)
    keep, gone = (i, j) if table.weight[i] >= table.weight[j] else (j, i)
    survivor, ended = int(table.ids[keep]), int(table.ids[gone])
    table.absorb(keep, gone)
    table.patience[keep] = FIRST_PATIENCE
    structure.hand_over(ended, survivor)
    structure.record("merge", survivor, (ended,), (survivor,), float(table.weight[keep]))
    table.remove(gone)
