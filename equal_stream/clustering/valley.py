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

SEEDS = 8  # proposals tried at once; more found no further topics
ROUNDS = 6  # of two-means and of the search for the main axis; with four, more topics stayed together
GAUSSIAN_VALLEY = 0.31  # share of a halved Gaussian within a quarter of the gap around the midpoint
DEEP_VALLEY = 0.18  # a share below this needs two modes about four standard deviations apart
CONFIDENCE = 2.0  # standard errors by which the valley must lie below the Gaussian one
TINY = np.float32(1e-30)  # keeps a length of zero from being divided by
IDENTICAL = 1e-5  # variance of unit vectors below which they differ by rounding only
FEWEST_JUDGES = 8  # below this even an empty valley is not significant


@dataclass(frozen=True)
class Division:
    """Two groups proposed for one sample.

    Attributes
    ----------
    left, right
        Means of the groups, float32 of shape (d,).
    bimodal
        Whether held-out documents show a valley between the groups.
    within, between
        Mean cosine of two documents of the left group, and of the right one; and of one from each. All
        across the two halves of the sample, so that chance does not count.
    """

    left: Vectors
    right: Vectors
    bimodal: bool
    within: tuple[float, float]
    between: float

    def likeness(self, background: float) -> float:
        """Return the cosine between the groups beyond `background`, that of any two documents."""
        spread = [max(cosine - background, 1e-3) for cosine in self.within]
        return (self.between - background) / float(np.sqrt(spread[0] * spread[1]))

    def right_of(self, rows: Vectors) -> NDArray[np.bool_]:
        """Return which of `rows`, float32 (n, d), are nearer to `right` than to `left`, bool (n,)."""
        line = self.right - self.left
        nearer: NDArray[np.bool_] = rows @ line > line @ (self.right + self.left) / 2
        return nearer


def valley_depths(projections: Vectors, right: NDArray[np.bool_]) -> tuple[Vectors, Vectors]:
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
        Float32 of shape (2, s): for the left and the right side, the share of its documents within a
        quarter of the gap from the midpoint, and the most that still counts as a valley (negative
        where the side has too few documents to tell).
    """
    sides = np.stack([~right, right]).astype(np.float32)
    counts = np.maximum(sides.sum(axis=1), 1)
    means = (sides * projections).sum(axis=1) / counts
    distance = np.abs(projections - (means[0] + means[1]) / 2)
    inside = distance < np.abs(means[1] - means[0]) / 4
    near = (sides * inside).sum(axis=1) / counts
    spread = np.sqrt(GAUSSIAN_VALLEY * (1 - GAUSSIAN_VALLEY) / counts)
    allowed = np.minimum(DEEP_VALLEY, GAUSSIAN_VALLEY - CONFIDENCE * spread)
    return near, np.where(counts >= FEWEST_JUDGES, allowed, np.float32(-1))


def shows_valley(left: Vectors, right: Vectors) -> bool:
    """Return whether there is a valley between two clusters, given documents of both, float32 (m, d)."""
    line = right.mean(axis=0) - left.mean(axis=0)
    projections = np.concatenate([left @ line, right @ line])[:, None]
    middle = (projections[: len(left)].mean() + projections[len(left) :].mean()) / 2
    side = projections > middle
    if not 0 < side.sum() < len(side):
        return False
    near, allowed = valley_depths(projections, side)
    return bool(np.all(near <= allowed))


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
    groups, lines, middles = _two_means(proposers, _seed(proposers, rng))
    projections = judges @ lines
    right = projections > middles
    sizes, taken = groups.sum(axis=0), right.sum(axis=0)
    valid = (sizes >= 2) & (sizes <= half - 2) & (taken > 0) & (taken < len(judges))
    if not valid.any():
        return None
    near, allowed = valley_depths(projections, right)
    bimodal = (near <= allowed).all(axis=0) & valid
    explained = np.where(valid, _explained(projections, right, lines), -1)
    best = int(np.lexsort((explained, bimodal))[-1])
    left = _mean(proposers, ~groups[:, best]), _mean(judges, ~right[:, best])
    other = _mean(proposers, groups[:, best]), _mean(judges, right[:, best])
    return Division(
        left=(left[0] + left[1]) * np.float32(0.5),
        right=(other[0] + other[1]) * np.float32(0.5),
        bimodal=bool(bimodal[best]),
        within=(float(left[0] @ left[1]), float(other[0] @ other[1])),
        between=float(left[0] @ other[1] + left[1] @ other[0]) / 2,
    )


def _seed(rows: Vectors, rng: np.random.Generator) -> Vectors:
    """Return first groups, 0 or 1 in float32 (m, s): along the main axis, around documents drawn."""
    size = len(rows)
    centred = rows - rows.sum(axis=0) / np.float32(size)
    axis = centred[0]
    for _ in range(ROUNDS):
        axis = (centred @ axis) @ centred
        axis /= np.sqrt(axis @ axis) + TINY
    nearness = rows @ rows[rng.permutation(size)[: SEEDS - 1]].T
    neighbours = min(max(size // 64, 3), size)
    cut = np.partition(nearness, size - neighbours, axis=0)[size - neighbours]
    groups = np.empty((size, nearness.shape[1] + 1), dtype=np.float32)
    groups[:, 0] = centred @ axis > 0
    groups[:, 1:] = nearness >= cut
    return groups


def _two_means(rows: Vectors, groups: Vectors) -> tuple[NDArray[np.bool_], Vectors, Vectors]:
    """Refine groups, 0 or 1 in float32 (m, s), by two-means.

    Returns them as bool (m, s), the lines between the means of each and its rest, float32 (d, s), and
    where on the line the midpoint lies, float32 (s,).
    """
    size = np.float32(len(rows))
    total = rows.sum(axis=0)[:, None]
    for _ in range(ROUNDS):
        count = groups.sum(axis=0)
        inside = rows.T @ groups
        outside = (total - inside) / np.maximum(size - count, 1)
        inside /= np.maximum(count, 1)
        lines = inside - outside
        middles = np.einsum("ds,ds->s", lines, inside + outside) / 2
        members = rows @ lines > middles
        groups = members.astype(np.float32)
    return members, lines, middles


def _explained(projections: Vectors, right: NDArray[np.bool_], lines: Vectors) -> NDArray[np.float64]:
    """Return the variance of the judges that lies between the sides, (s,)."""
    count = right.sum(axis=0)
    rest = len(right) - count
    above = (projections * right).sum(axis=0)
    below = projections.sum(axis=0) - above
    gap = above / np.maximum(count, 1) - below / np.maximum(rest, 1)
    width = np.einsum("ds,ds->s", lines, lines) + TINY
    between: NDArray[np.float64] = count * rest * np.square(gap) / (width * len(right) ** 2)
    return between


def _mean(rows: Vectors, chosen: NDArray[np.bool_]) -> Vectors:
    """Return the mean of the chosen rows, float32 (d,); at least one is."""
    mean: Vectors = chosen.astype(np.float32) @ rows / np.float32(chosen.sum())
    return mean


def _variance(rows: Vectors) -> float:
    """Return the mean squared distance of unit vectors, float32 (m, d), from their mean."""
    centre = rows.sum(axis=0) / np.float32(len(rows))
    return float(np.vdot(rows, rows)) / len(rows) - float(centre @ centre)
