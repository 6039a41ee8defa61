"""Log-coverage of the references: what a pair adds, and what a passage will probably add.

A pair s covers reference r by k(r, s) = max(0, cos − τ) / (1 − τ). Coverage is additive over pairs, so
a withdrawn pair gives back exactly what it brought. Value is φ(x) = log(1 + x), so the tenth pair about
one thing is worth little: gain(s) = Σ_r w_r [φ(cov_r + k(r, s)) − φ(cov_r)]. It is submodular, which is
what lets stale gains serve as upper bounds (Krause & Golovin, "Submodular function maximization", 2014).

Coverage may fade: a pair published t seconds ago then covers k · 0.5^(t / halflife). All pairs fade at one
rate, so the sums fade at it too: bringing coverage to the present is one multiplication, and in which
order pairs are credited makes no difference.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.targets import Targets

_TOLD = 0.01  # half-lives; by then a gain computed before is at most 0.7 % too low
_TRACE = 1e-6  # coverage below it is rounding, or faded beyond any meaning (20 half-lives of a full match)


class Measure(NamedTuple):
    """What a little more coverage of each reference adds, and its weight: (m,) float32 each."""

    room: NDArray[np.float32]
    importance: NDArray[np.float32]

    def gains(self, added: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the value of adding each row of (n, m): (n,)."""
        grown = added * self.room
        np.log1p(grown, out=grown)
        return np.asarray(grown @ self.importance, np.float32)


class Coverage:
    """Kernels, gains and credit over a table of references.

    Parameters
    ----------
    targets
        The references; their column `covered` is written here and nowhere else.
    halflife
        Seconds after which a pair covers half of what it did; None: coverage does not fade, and instants
        mean nothing.

    Attributes
    ----------
    at
        The instant, in seconds since 1970, for which `covered` is true.
    releases
        Grows whenever coverage falls: gains computed before are then no upper bounds any more. Fading
        counts once it has gone on for a hundredth of a half-life.
    """

    def __init__(self, targets: Targets, halflife: float | None = None) -> None:
        self.targets = targets
        self.halflife = halflife
        self.at = 0.0
        self.releases = 0
        self._told = 0.0  # the instant up to which fading has been counted in `releases`

    def advance(self, instant: float) -> None:
        """Let coverage fade up to an instant, in seconds since 1970; an earlier one changes nothing."""
        if instant <= self.at:
            return
        if self.halflife is None or not self.targets.covered.any():
            self._told = instant
        else:
            self.targets.covered *= 0.5 ** ((instant - self.at) / self.halflife)
            if instant - self._told >= _TOLD * self.halflife:
                self._told = instant
                self.releases += 1
        self.at = instant

    def closeness(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (cos − τ) / (1 − τ) of vectors (n, d) with each reference: (n, m) float32, 1 at most."""
        tau = self.targets.thresholds
        close: NDArray[np.float32] = vectors @ self.targets.vectors.T
        close -= tau
        close /= 1 - tau
        return close

    def kernel(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each of the pairs (n, d) covers of each reference: (n, m) float32 in [0, 1]."""
        close = self.closeness(vectors)
        return np.maximum(close, np.float32(0), out=close)

    def gains(
        self, added: NDArray[np.float32], pending: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """Return the value of adding each row of (n, m) to what is covered and `pending` (m,): (n,)."""
        return self.measure(pending).gains(added)

    def measure(self, pending: NDArray[np.float64] | None = None) -> "Measure":
        """Return what measures gains for as long as neither coverage nor `pending` (m,) changes."""
        base = self.targets.covered if pending is None else self.targets.covered + pending
        return Measure((1 / (1 + base)).astype(np.float32), self.targets.importance.astype(np.float32))

    def credit(self, vector: NDArray[np.float32], instant: float) -> dict[str, float]:
        """Add one pair (d,) published at an instant; return its gain by target, those above 0 only.

        An instant later than `at` brings all coverage there.
        """
        self.advance(instant)
        covers = self._left(self.kernel(vector[None]), np.array([instant]))
        covers[self.targets.dirty] = 0.0  # the coming recount will see this pair among all others
        targets = self.targets
        gained = targets.importance * np.log1p(covers / (1 + targets.covered))
        targets.covered += covers
        sums = targets.by_target(gained)
        return {name: float(gain) for name, gain in zip(targets.names, sums, strict=True) if gain > 0}

    def give_back(self, vectors: NDArray[np.float32], instants: NDArray[np.float64]) -> None:
        """Take out again what is left of the pairs (n, d) published at instants (n,)."""
        if len(vectors) == 0 or len(self.targets) == 0:
            return
        covers = self._left(self.kernel(vectors), instants)
        covers[self.targets.dirty] = 0.0
        self.targets.covered = np.maximum(self.targets.covered - covers, 0.0)
        self.releases += 1

    def recount(self, blocks: Iterable[tuple[NDArray[np.float32], NDArray[np.float64]]]) -> None:
        """Compute what all published pairs cover of the dirty references.

        Parameters
        ----------
        blocks
            Vectors (n, d) and instants of publication (n,), none later than `at`.
        """
        dirty = np.flatnonzero(self.targets.dirty)
        if len(dirty) == 0:
            return
        tau = self.targets.thresholds[dirty]
        total = np.zeros(len(dirty))
        for vectors, instants in blocks:
            similar = vectors @ self.targets.vectors[dirty].T
            total += self._left(np.maximum((similar - tau) / (1 - tau), np.float32(0)), instants)
        self.targets.covered[dirty] = total
        self.targets.dirty[dirty] = False
        self.releases += 1

    def values(self) -> dict[str, float]:
        """Return each target's coverage: the importance-weighted mean of log(1 + covered)."""
        weights = self.targets.importance
        return self._means(weights * np.log1p(self.targets.covered), weights)

    def touched(self) -> dict[str, float]:
        """Return the share of each target's references that published pairs still cover at all."""
        return self._means((self.targets.covered > _TRACE).astype(float), np.ones(len(self.targets)))

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes; `covered` is saved with the targets."""
        return {"halflife": self.halflife, "at": self.at, "told": self._told, "releases": self.releases}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken; with another half-life all is recounted."""
        self.at, self._told, self.releases = state["at"], state["told"], state["releases"]
        if state["halflife"] != self.halflife:
            self.targets.dirty[:] = True

    def _left(self, covers: NDArray[np.float32], instants: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what kernels (n, m) of pairs published at instants (n,) sum to at `at`: (m,) float64."""
        if self.halflife is None:
            total: NDArray[np.float64] = covers.sum(axis=0, dtype=np.float64)
        else:
            total = np.exp2((instants - self.at) / self.halflife) @ covers
        return total

    def _means(self, values: NDArray[np.float64], weights: NDArray[np.float64]) -> dict[str, float]:
        total = np.maximum(self.targets.by_target(weights), 1e-12)
        means = self.targets.by_target(values) / total
        return {name: float(mean) for name, mean in zip(self.targets.names, means, strict=True)}
