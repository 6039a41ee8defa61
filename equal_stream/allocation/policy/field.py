"""A non-stationary, correlated Gaussian belief about one ratio per arm.

The ratio of an arm is the level of all, plus what near arms share, plus its own part; all three move
with time. `Landscape` follows the first two, `Evidence` holds what each arm showed of itself. An arm
teaches its neighbours no more than its own part leaves room for: however often it is observed, it is
one point of the landscape. That is the increment of 1 / (own variance + noise variance), and it makes
the exact posterior of the static model, at the cost of one rank-one update an observation.
"""

from math import exp, log, pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.policy.evidence import Evidence
from equal_stream.allocation.policy.landscape import Landscape
from equal_stream.allocation.policy.likeness import Likeness
from equal_stream.allocation.policy.noise import Noise, Size

_LEAST_LEVEL = 0.05  # predictions that are 20 times too high everywhere still leave room to learn
_LEAST_RATIO = 0.25  # of the level, when noise is told from a mean: nothing is ever seen without noise
_STEPS = 64  # in which the landscape fades while a ratio forgets: finer changes nothing
_LEVEL_SPREAD = 1.0  # of the level around 1, before anything is known
_TRUST = 10.0  # tickets that the assumed noise counts as
_RESCALE = 0.02  # relative change of the level from which on variances are measured anew


class Moments(NamedTuple):
    """Mean and variance of ratios, and the precision that one typical ticket adds: (arms,) float64 each."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    told: NDArray[np.float64]


class Field:
    """Belief about one ratio per arm.

    Parameters
    ----------
    forget
        Share of a deviation that is kept per ticket; 1 for ratios that do not move.
    spread
        Standard deviation of ratios between arms, in units of their level.
    shared
        Share of that variance that near arms have in common; arms whose place is not known have none.
    shrinkage
        Noise of a typical ticket, in units of the variance between arms, assumed before any is seen:
        the tickets after which an arm's own evidence counts as much as everyone's.
    inherit
        Share of an arm's own part that a child of it inherits.
    likeness
        Features of centroids; None where `shared` is 0.
    """

    def __init__(
        self,
        *,
        forget: float,
        spread: float,
        shared: float,
        shrinkage: float,
        inherit: float,
        likeness: Likeness | None = None,
    ) -> None:
        self.spread = spread
        self.shared = shared if likeness else 0.0
        self.inherit = inherit
        self._likeness = likeness
        self._evidence = Evidence(-log(forget))
        features = likeness.features if likeness else 0
        self._landscape = Landscape(features, self.shared * spread**2, _LEVEL_SPREAD**2)
        self._noise = Noise(shrinkage * spread**2, _TRUST)
        self._size = Size()
        self._placed = np.zeros(0, bool)
        self._level = 1.0
        self._faded_at = 0.0
        self._known: Moments | None = None  # asked for many times between two changes

    def locate(self, arm: int, centroid: NDArray[np.float32]) -> None:
        """Say where an arm lies: a unit vector (d,)."""
        if self._likeness is not None:
            self._reach(arm + 1)
            self._landscape.place(arm, self._likeness.of(centroid))
            self._placed[arm] = True
            self._known = None

    def update(self, arm: int, predicted: float, realised: float) -> float:
        """Take in one ticket; return the log density that was given to what it brought.

        What was predicted as worthless teaches nothing, and returns 0.
        """
        if predicted <= 0:
            return 0.0
        self._reach(arm + 1)
        self._size.learn(predicted)
        self.age(1.0)
        mean, variance = self._at(arm)
        noise = self._noise.variance(self._at_least(mean), self._level, predicted / self._size.typical())
        surprise = (realised / predicted - mean) ** 2
        self._noise.learn(surprise, variance, noise)
        self._observe(arm, 1 / noise, realised / predicted / noise)
        self._follow_level()
        total = variance + noise
        return -0.5 * (surprise / total + log(2 * pi * total)) - log(predicted)

    def age(self, tickets: float) -> None:
        """Let the time of so many tickets pass."""
        self._known = None
        self._evidence.now += tickets
        passed = self._evidence.rate * (self._evidence.now - self._faded_at)
        if passed * _STEPS >= 1:
            self._landscape.fade(exp(-passed), self.shared * self._variance)
            self._faded_at = self._evidence.now

    def moments(self, height: int) -> Moments:
        """Return what is believed of the ratios of `height` arms; the same object until something changes."""
        if self._known is not None and len(self._known.mean) == height:
            return self._known
        self._reach(height)
        precision, weighted = self._evidence.all(height, self._variance)
        common, doubt = self._landscape.all(height)
        own = self._variance * (1 - self.shared * self._placed[:height])
        left = 1 / (1 + own * precision)
        mean = np.maximum((common + own * weighted) * left, 0.0)
        noise = self._noise.relative * self._level * np.maximum(mean, _LEAST_RATIO * self._level)
        self._known = Moments(mean, left * left * doubt + own * left, 1 / noise)
        return self._known

    def copy(self, arm: int, parent: int) -> None:
        """Let an arm without evidence begin with its parent's, made vaguer, and at its place."""
        self._reach(max(arm, parent) + 1)
        if self._evidence.precision[arm] > 0:
            return
        if self._placed[parent] and not self._placed[arm]:
            self._landscape.place(arm, self._landscape.features[parent, 1:])
            self._placed[arm] = True
        self._evidence.put(arm, *self._vaguer(parent, 1 - self.inherit))
        self._known = None

    def add(self, survivor: int, ended: int) -> None:
        """Let an arm's evidence count for the arm it went into, as that of a neighbour."""
        self._reach(max(survivor, ended) + 1)
        precision, weighted = self._evidence.at(survivor, self._variance)
        more_precision, more_weighted = self._vaguer(ended, 1.0)
        self._evidence.put(survivor, precision + more_precision, weighted + more_weighted)
        self._known = None

    def clear(self, arm: int) -> None:
        """Drop the evidence and the place of an arm."""
        self._reach(arm + 1)
        self._evidence.put(arm, 0.0, 0.0)
        self._landscape.place(arm, np.zeros(self._landscape.features.shape[1] - 1))
        self._placed[arm] = False
        self._known = None

    @property
    def _variance(self) -> float:
        return (self.spread * self._level) ** 2

    def _own(self, arm: int) -> float:
        return self._variance * (1 - self.shared * float(self._placed[arm]))

    def _at_least(self, mean: float) -> float:
        return max(mean, _LEAST_RATIO * self._level)

    def _at(self, arm: int) -> tuple[float, float]:
        precision, weighted = self._evidence.at(arm, self._variance)
        common, doubt = self._landscape.at(arm)
        own = self._own(arm)
        left = 1 / (1 + own * precision)
        return (common + own * weighted) * left, left * left * doubt + own * left

    def _observe(self, arm: int, precision: float, weighted: float) -> None:
        had, had_weighted = self._evidence.at(arm, self._variance)
        has, has_weighted = had + precision, had_weighted + weighted
        own = self._own(arm)
        before, after = 1 / (1 + own * had), 1 / (1 + own * has)
        self._landscape.observe(arm, has * after - had * before, has_weighted * after - had_weighted * before)
        self._evidence.put(arm, has, has_weighted)

    def _follow_level(self) -> None:
        level = max(self._landscape.level, _LEAST_LEVEL)
        if abs(level - self._level) > _RESCALE * self._level:
            self._landscape.scale((level / self._level) ** 2)
            self._level = level

    def _vaguer(self, arm: int, share: float) -> tuple[float, float]:
        precision, weighted = self._evidence.at(arm, self._variance)
        kept = 1 / (1 + precision * share * self._own(arm))
        return precision * kept, weighted * kept

    def _reach(self, height: int) -> None:
        missing = height - len(self._placed)
        if missing > 0:
            self._evidence.reach(height)
            self._landscape.reach(height)
            self._placed = np.concatenate([self._placed, np.zeros(missing, bool)])

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            "evidence": self._evidence.to_state(),
            "landscape": self._landscape.to_state(),
            "noise": self._noise.to_state(),
            "size": self._size.to_state(),
            "placed": self._placed,
            "level": self._level,
            "faded_at": self._faded_at,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._evidence.load_state(state["evidence"])
        self._landscape.load_state(state["landscape"])
        self._noise.load_state(state["noise"])
        self._size.load_state(state["size"])
        self._placed = state["placed"]
        self._level, self._faded_at = state["level"], state["faded_at"]
        self._known = None
