"""Is this one topic or two? A scale-free answer from a sample of unit vectors.

Half of the sample proposes two groups, the other half judges them. Each judge is projected on the
difference of the two centroids. Where the sample is one topic, however wide or skewed the encoder
makes it, the projections are densest between the groups; where it is two, there is a valley. Only the
shape counts, so no cosine threshold has to be tuned to an encoder. In the proposing half some split
can always be found (there are more dimensions than documents), hence the judges.

References: the idea of testing a split along the line between its centroids is G-means (Hamerly and
Elkan, NeurIPS 2003); judging on held-out documents and by the valley instead of by normality is what
makes it hold in hundreds of dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equal_stream.clustering.base import Vectors
from equal_stream.clustering.vectors import unit_mean

SEEDS = 8  # proposals tried at once; more found no further topics
ROUNDS = 6  # of two-means; assignments rarely move after four
GAUSSIAN_VALLEY = 0.31  # share of a halved Gaussian within a quarter of the gap around the midpoint
DEEP_VALLEY = 0.18  # a share below this needs two modes about four standard deviations apart
CONFIDENCE = 2.0  # standard errors by which the valley must lie below the Gaussian one
IDENTICAL = 1e-5  # variance of unit vectors below which they differ by rounding only
FEWEST_JUDGES = 8  # below this even an empty valley is not significant


@dataclass(frozen=True)
class Division:
    """Two groups proposed for one sample.

    Attributes
    ----------
    left, right
        Unit centroids of the groups, float32 of shape (d,).
    bimodal
        Whether held-out documents show a valley between the groups.
    structure
        Share of the held-out variance that lies between the groups, 0 to 1.
    smaller
        Share of the held-out documents in the smaller group, 0 to 0.5.
    """

    left: Vectors
    right: Vectors
    bimodal: bool
    structure: float
    smaller: float


def valley_depths(
    projections: Vectors, right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of each side near the midpoint, and the share allowed for two modes.

    Parameters
    ----------
    projections
        Float32 of shape (n, s): n documents on s lines.
    right
        Bool of shape (n, s): the side each document is on; both sides hold at least one document.

    Returns
    -------
    near, allowed
        Float64 of shape (2, s): for the left and the right side, the share of its documents within a
        quarter of the gap from the midpoint, and the most that still counts as a valley (negative
        where the side has too few documents to tell).
    """
    sides = np.stack([~right, right]).astype(np.float32)
    counts = np.maximum(sides.sum(axis=1), 1)
    means = (sides * projections).sum(axis=1) / counts
    middle, gap = means.mean(axis=0), means[1] - means[0]
    inside = np.abs(projections - middle) < np.abs(gap) / 4
    near = (sides * inside).sum(axis=1) / counts
    spread = np.sqrt(GAUSSIAN_VALLEY * (1 - GAUSSIAN_VALLEY) / counts)
    allowed = np.minimum(DEEP_VALLEY, GAUSSIAN_VALLEY - CONFIDENCE * spread)
    return near.astype(np.float64), np.where(counts >= FEWEST_JUDGES, allowed, -1.0).astype(np.float64)


def divide(rows: Vectors, rng: np.random.Generator) -> Division | None:
    """Return the best division of `rows`, float32 unit vectors of shape (m, d), or None if there is none.

    A bimodal division is preferred; otherwise the one that explains most variance is returned, for
    the caller to judge.
    """
    if _variance(rows) < IDENTICAL:
        return None
    order = rng.permutation(len(rows))
    half = len(rows) // 2
    proposers, judges = rows[order[:half]], rows[order[half:]]
    affinity = proposers @ proposers.T
    groups = _two_means(affinity, _seed(affinity, rng))
    sizes = groups.sum(axis=0)
    groups = groups[:, (sizes >= 2) & (sizes <= half - 2)]
    if groups.shape[1] == 0:
        return None
    lines, widths = _lines(proposers, groups, affinity)
    projections = judges @ lines
    right = projections > _midpoints(projections)
    taken = right.sum(axis=0)
    valid = (taken > 0) & (taken < len(judges))
    if not valid.any():
        return None
    groups, projections, right, widths = (
        groups[:, valid],
        projections[:, valid],
        right[:, valid],
        widths[valid],
    )
    near, allowed = valley_depths(projections, right)
    bimodal: NDArray[np.bool_] = np.all(near <= allowed, axis=0)
    smaller = right.mean(axis=0)
    smaller = np.minimum(smaller, 1 - smaller)
    structure = _structure(judges, projections, right, widths)
    best = int(np.lexsort((structure, bimodal))[-1])
    side = right[:, best]
    members = groups[:, best]
    return Division(
        left=unit_mean(np.concatenate([proposers[~members], judges[~side]])),
        right=unit_mean(np.concatenate([proposers[members], judges[side]])),
        bimodal=bool(bimodal[best]),
        structure=float(structure[best]),
        smaller=float(smaller[best]),
    )


def _seed(affinity: Vectors, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return first groups, bool (m, s): the main axis, then neighbourhoods of documents drawn at random."""
    size = len(affinity)
    centred = affinity - affinity.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    axis = rng.standard_normal(size).astype(np.float32)
    for _ in range(ROUNDS):
        axis = centred @ axis
        axis /= max(float(np.sqrt(axis @ axis)), 1e-30)
    drawn = rng.choice(size, size=min(SEEDS - 1, size), replace=False)
    neighbours = max(size // 8, 2)
    nearness = affinity[:, drawn]
    cut = np.partition(nearness, size - neighbours, axis=0)[size - neighbours]
    return np.column_stack([axis > 0, nearness >= cut])


def _two_means(affinity: Vectors, groups: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Refine groups, bool (m, s), by spherical two-means on the Gram matrix alone."""
    total = affinity.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        chosen = groups.astype(np.float32)
        toward = affinity @ chosen
        away = total - toward
        length = np.sqrt(np.maximum((chosen * toward).sum(axis=0), 1e-12))
        other = np.sqrt(np.maximum(((1 - chosen) * away).sum(axis=0), 1e-12))
        groups = toward / length > away / other
    return groups


def _lines(
    proposers: Vectors, groups: NDArray[np.bool_], affinity: Vectors
) -> tuple[Vectors, NDArray[np.float64]]:
    """Return the difference of the unit centroids, float32 (d, s), and its squared length, (s,)."""
    chosen = groups.astype(np.float32)
    rest = 1 - chosen
    inside = np.sqrt(np.maximum((chosen * (affinity @ chosen)).sum(axis=0), 1e-12))
    outside = np.sqrt(np.maximum((rest * (affinity @ rest)).sum(axis=0), 1e-12))
    lines = proposers.T @ (chosen / inside - rest / outside)
    return lines, np.einsum("ds,ds->s", lines, lines).astype(np.float64)


def _midpoints(projections: Vectors) -> Vectors:
    """Return where two-means on each line puts its boundary, float32 (s,), starting at equal cosine."""
    middle = np.zeros(projections.shape[1], dtype=np.float32)
    for _ in range(2):
        right = projections > middle
        count = right.sum(axis=0)
        above = np.where(right, projections, 0).sum(axis=0)
        below = projections.sum(axis=0) - above
        middle = (above / np.maximum(count, 1) + below / np.maximum(len(projections) - count, 1)) / 2
    return middle.astype(np.float32)


def _structure(
    judges: Vectors, projections: Vectors, right: NDArray[np.bool_], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    share = right.mean(axis=0)
    above = np.where(right, projections, 0).sum(axis=0) / np.maximum(right.sum(axis=0), 1)
    below = np.where(right, 0, projections).sum(axis=0) / np.maximum((~right).sum(axis=0), 1)
    variance = max(_variance(judges), IDENTICAL)
    between = share * (1 - share) * (above - below) ** 2 / np.maximum(widths, 1e-12)
    structure: NDArray[np.float64] = np.minimum(between / variance, 1.0)
    return structure


def _variance(rows: Vectors) -> float:
    """Return the mean squared distance of unit vectors, float32 (m, d), from their mean."""
    centre = rows.mean(axis=0)
    return float(np.einsum("ij,ij->", rows, rows)) / len(rows) - float(centre @ centre)
