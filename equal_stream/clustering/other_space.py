"""Clusters go on under the vectors of another encoder: same ids, sizes and lineage, described anew.

A cluster is its documents. Where some of them lie in the new space says where the cluster lies there; what
was known of its shape in the old space is forgotten, and it is examined again as if it were young.
"""

from collections.abc import Mapping

import numpy as np

from equal_stream.clustering.base import InvalidVectors, Vectors
from equal_stream.clustering.sample import RecentSample
from equal_stream.clustering.structure import FIRST_NEWS, FIRST_PATIENCE, STRANGERS, Structure
from equal_stream.clustering.table import ClusterTable
from equal_stream.clustering.vectors import unit_rows


def carried_over(structure: Structure, members: Mapping[int, Vectors]) -> Structure:
    """Return the structure in another space.

    1. A cluster of which no member is known ends; its heir is the nearest, in the old space, of the others.
    2. The others are described from their members: what they weigh, and their ids, stay.
    3. The members are the recent documents now, the newest of each cluster the newest of all.

    Parameters
    ----------
    members
        Float32 (n, d), the newest last, by live cluster; d may be another than before.

    Raises
    ------
    InvalidVectors
        No live cluster has a member, or their dimensions differ.
    """
    rows = {cluster: unit_rows(vectors) for cluster, vectors in members.items() if len(vectors)}
    old = structure.table
    kept = [cluster for cluster in old.ids[: old.k].tolist() if cluster in rows]
    dimensions = {rows[cluster].shape[1] for cluster in kept}
    if len(dimensions) != 1:
        raise InvalidVectors(
            f"clusters go on in one other space, from members in it, not in {len(dimensions)}"
        )
    # 1. End those without members.
    for slot in range(old.k - 1, -1, -1):
        if int(old.ids[slot]) not in rows:
            _end(structure, slot, [other for other in range(old.k) if int(old.ids[other]) in rows])
    # 2. Describe the others.
    (dimension,) = dimensions
    table = ClusterTable.empty(old.capacity, dimension)
    for slot, cluster in enumerate(old.ids[: old.k].tolist()):
        table.add(cluster)
        table.describe(slot, rows[cluster], float(old.count[slot]), float(old.weight[slot]))
        table.patience[slot] = FIRST_PATIENCE
    # 3. Keep their members.
    sample = RecentSample(len(structure.sample.tags), dimension)
    known = np.concatenate([rows[cluster] for cluster in kept])
    tags = np.concatenate([np.full(len(rows[cluster]), cluster, np.int64) for cluster in kept])
    age = np.concatenate([np.arange(len(rows[cluster]))[::-1] for cluster in kept])
    order = np.argsort(-age, kind="stable")
    sample.add(known[order], tags[order])
    return Structure(
        table=table,
        sample=sample,
        strangers=RecentSample(STRANGERS, dimension),
        lineage=structure.lineage,
        max_share=structure.max_share,
        seed=structure.seed,
        at=structure.at,
        maintained=structure.maintained,
        merged=structure.merged,
        news_wanted=FIRST_NEWS,
    )


def _end(structure: Structure, slot: int, heirs: list[int]) -> None:
    """End a cluster; the nearest of some others inherits it."""
    table = structure.table
    ended = int(table.ids[slot])
    heir = heirs[int(np.argmax(table.centroid[heirs] @ table.centroid[slot]))]
    heir_id = int(table.ids[heir])
    structure.hand_over(ended, heir_id)
    structure.record("death", ended, (), (heir_id,), float(table.weight[slot]))
    table.weight[heir] += table.weight[slot]
    table.remove(slot)
