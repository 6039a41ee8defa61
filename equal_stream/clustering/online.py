"""The step that every batch takes: find the nearest cluster of each document, move it there.

Nearest is by the distance to the mean of a cluster's documents, which lies inside the sphere: along
the centroid, at a length that is the mean cosine of its documents. A tight cluster is therefore far
from a document that a wide one may well hold, where the cosine alone would not tell them apart.
"""

import numpy as np
from numpy.typing import NDArray

from equal_stream.clustering.base import Ids, Vectors
from equal_stream.clustering.births import set_aside
from equal_stream.clustering.structure import Structure
from equal_stream.clustering.table import ClusterTable

SHORTEST_MEAN = np.float32(0.01)  # a mean of no length would be at no cosine to anything
STRANGE = np.float32(3)  # standard deviations below its cluster's mean cosine that make a stranger
LEAST_SPREAD = np.float32(0.005)  # near copies differ by rounding, which makes none of them strange
SETTLED = 32  # documents a cluster must have before it can call one strange


def nearest(rows: Vectors, table: ClusterTable) -> tuple[Ids, Vectors]:
    """Return the row of the nearest cluster of each document, int64 (n,), and the cosine, float32 (n,)."""
    length = np.clip(table.mean[: table.k], SHORTEST_MEAN, 1)
    closeness = rows @ (table.centroid[: table.k] * length[:, None]).T
    closeness -= np.square(length) / 2
    slots = closeness.argmax(axis=1)
    chosen = length[slots]
    cosines: Vectors = closeness[np.arange(len(rows)), slots] / chosen + chosen / 2
    return slots, cosines


def learn(rows: Vectors, slots: Ids, cosines: Vectors, structure: Structure, window: int) -> None:
    """Count documents, float32 unit rows (n, d), and move their clusters towards all but the strangers.

    `window` is how many documents of its own a centroid remembers.
    """
    table = structure.table
    k = table.k
    structure.at += len(rows)
    table.weight[:k] += np.bincount(slots, minlength=k).astype(np.float32)
    spread = np.maximum(np.sqrt(table.variance[:k]), LEAST_SPREAD)
    limit = np.where(table.count[:k] >= SETTLED, table.mean[:k] - STRANGE * spread, np.float32(-2))
    strange = cosines < limit[slots]
    blank = np.abs(cosines) < np.float32(1e-6)
    blank[blank] = ~rows[blank].any(axis=1)
    if strange.any():
        set_aside(structure, rows[strange & ~blank])
    kept = np.flatnonzero(~(strange | blank))
    if len(kept) == 0:
        return
    order = kept[np.argsort(slots[kept], kind="stable")]
    ordered, of = rows[order], slots[order]
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    touched = of[starts]
    counts = np.diff(np.append(starts, len(of))).astype(np.float32)
    _move(table, touched, counts, np.add.reduceat(ordered, starts, axis=0), window)
    _watch(table, touched, counts, cosines[order], starts)
    structure.sample.add(ordered, table.ids[of])


def _move(table: ClusterTable, touched: Ids, counts: Vectors, sums: Vectors, window: int) -> None:
    fade = np.float32(1 - 1 / window) ** counts
    total = table.total[touched] * fade[:, None] + sums
    length = np.sqrt(np.einsum("ij,ij->i", total, total))
    table.total[touched] = total
    table.centroid[touched] = total / np.maximum(length, np.float32(1e-12))[:, None]
    table.count[touched] = table.count[touched] * fade + counts
    table.learned[touched] += counts.astype(np.int64)


def _watch(
    table: ClusterTable, touched: Ids, counts: Vectors, cosines: Vectors, starts: NDArray[np.intp]
) -> None:
    """Follow the mean and the variance of the cosines to each centroid."""
    step = np.minimum(counts / np.maximum(table.count[touched], 1), 1)
    mean = np.add.reduceat(cosines, starts) / counts
    square = np.add.reduceat(np.square(cosines), starts) / counts
    deviation = square - 2 * mean * table.mean[touched] + np.square(table.mean[touched])
    table.variance[touched] += step * (np.maximum(deviation, 0) - table.variance[touched])
    table.mean[touched] += step * (mean - table.mean[touched])
