"""The references of all targets in one table: what the spending is for.

Every reference has a unit vector and a weight, and belongs to a target. Its importance is its weight
over the number of references of its target, so that targets with the same weights count the same
however many references describe them, and doubling all weights of one doubles its say. All targets
share one budget: a passage is worth the sum of what it adds to each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.background import PRIOR, Background

_SAME = 1e-3  # encoders give the same text slightly different vectors in different batches
_SHIFT = 0.005  # a smaller move of τ is not worth re-crediting every pair


@dataclass(slots=True)
class Target:
    """One target: where its relevance begins, and how many references describe it."""

    name: str
    threshold: float = PRIOR
    references: int = 0


class Targets:
    """References, rows in the order they came.

    Attributes
    ----------
    vectors
        (m, d) float32 unit vectors.
    importance
        (m,) float64; weight ÷ references of the same target.
    owner
        (m,) intp; position in `names` of the reference's target.
    thresholds
        (m,) float32; τ of the reference's target.
    covered
        (m,) float64; the summed kernel of all published pairs, as far as it has not faded; kept by
        `Coverage`.
    dirty
        (m,) bool; rows whose `covered` has to be computed anew from the pairs.
    version
        Grows whenever kernels computed before are no longer true.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.by_name: dict[str, Target] = {}
        self.keys: list[tuple[str, str]] = []
        self.vectors = np.zeros((0, dimension), np.float32)
        self.weights = np.zeros(0)
        self.importance = np.zeros(0)
        self.owner = np.zeros(0, np.intp)
        self.thresholds = np.zeros(0, np.float32)
        self.covered = np.zeros(0)
        self.dirty = np.zeros(0, bool)
        self.version = 0
        self._rows: dict[tuple[str, str], int] = {}
        self._settled = True  # derived columns are up to date

    def __len__(self) -> int:
        return len(self.keys)

    def set(self, target: str, ref_id: str, vector: NDArray[np.float32], weight: float) -> None:
        """Add a reference, or replace its vector (d,) and weight."""
        row = self._rows.get((target, ref_id))
        if row is None:
            self._append(target, ref_id, vector, weight)
        else:
            if not np.allclose(self.vectors[row], vector, atol=_SAME):
                self.vectors[row] = vector
                self.dirty[row] = True
                self._settled = False
            elif self.weights[row] == weight:
                return
            self.weights[row] = weight
        self._weigh()

    def remove(self, target: str, ref_id: str) -> bool:
        """Remove a reference, and its target with the last of them; False when it is unknown."""
        row = self._rows.pop((target, ref_id), None)
        if row is None:
            return False
        self.by_name[target].references -= 1
        if self.by_name[target].references == 0:
            del self.by_name[target]
        del self.keys[row]
        self._rows = {key: i for i, key in enumerate(self.keys)}
        for column in ("vectors", "weights", "thresholds", "covered", "dirty"):
            setattr(self, column, np.delete(getattr(self, column), row, axis=0))
        self._weigh()
        return True

    def settle_thresholds(self, background: Background) -> None:
        """Estimate τ for targets that changed, and for all when the background has grown enough."""
        if not background.take_due() and self._settled:
            return
        self._settled = True
        for place, target in enumerate(self.by_name.values()):
            rows = self.owner == place
            estimate = background.threshold(self.vectors[rows])
            if abs(estimate - target.threshold) > _SHIFT:
                target.threshold = estimate
                self.dirty |= rows
                self.version += 1
            self.thresholds[rows] = target.threshold

    @property
    def names(self) -> list[str]:
        """The targets, in the order `owner` counts them."""
        return list(self.by_name)

    def by_target(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of values (m,), one a reference, by target."""
        sums = np.zeros(len(self.by_name))
        np.add.at(sums, self.owner, values)
        return sums

    def _append(self, target: str, ref_id: str, vector: NDArray[np.float32], weight: float) -> None:
        owner = self.by_name.setdefault(target, Target(target))
        owner.references += 1
        self._rows[target, ref_id] = len(self.keys)
        self.keys.append((target, ref_id))
        self.vectors = np.concatenate([self.vectors, vector[None].astype(np.float32)])
        self.weights = np.append(self.weights, weight)
        self.thresholds = np.append(self.thresholds, np.float32(owner.threshold))
        self.covered = np.append(self.covered, 0.0)
        self.dirty = np.append(self.dirty, True)
        self._settled = False

    def _weigh(self) -> None:
        places = {name: place for place, name in enumerate(self.by_name)}
        self.owner = np.array([places[target] for target, _ in self.keys], np.intp)
        self.importance = self.weights / np.bincount(self.owner)[self.owner] if self.keys else np.zeros(0)
        self.version += 1

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "targets": [[t.name, t.threshold, t.references] for t in self.by_name.values()],
            "keys": self.keys,
            "vectors": self.vectors,
            "weights": self.weights,
            "thresholds": self.thresholds,
            "covered": self.covered,
            "dirty": self.dirty,
            "version": self.version,
            "settled": self._settled,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self.by_name = {name: Target(name, tau, n) for name, tau, n in state["targets"]}
        self.keys = [(target, ref_id) for target, ref_id in state["keys"]]
        self._rows = {key: i for i, key in enumerate(self.keys)}
        for column in ("vectors", "weights", "thresholds", "covered", "dirty"):
            setattr(self, column, state[column])
        self._weigh()
        self.version = state["version"]
        self._settled = state["settled"]
