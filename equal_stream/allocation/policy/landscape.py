"""What clusters have in common: a level, and a landscape over centroids that near clusters share.

Bayesian linear regression on features of the centroids plus a constant, followed in time by a Kalman
filter: the landscape fades towards flat as its uncertainty grows back, the level wanders. An observation
costs O(features² + arms · features); heights and variances of all arms are kept up to date with it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WANDER = 0.1  # of the level: variance it gains while the landscape regains its own
_COLUMNS = ("coefficients", "covariance", "features", "relief", "doubt", "cross")


class Landscape:
    """Level and landscape over arms.

    Parameters
    ----------
    features
        Length of the feature vectors of centroids, each of length one; 0 knows the level only.
    variance, level_variance
        Of the landscape at one place, and of the level, before anything is known.

    Attributes
    ----------
    coefficients, covariance
        (1 + features,) and (1 + features,)²; belief about level and landscape, the level first.
    features
        (arms, 1 + features); 1 and the features, which are 0 for arms whose place is not known.
    relief, doubt, cross
        (arms,); expected height of the landscape, its variance, and its covariance with the level.
    """

    def __init__(self, features: int, variance: float, level_variance: float) -> None:
        self.coefficients = np.zeros(1 + features)
        self.coefficients[0] = 1.0
        self.covariance = np.diag(np.r_[level_variance, np.full(features, variance)])
        self.features = np.zeros((0, 1 + features))
        self.relief = np.zeros(0)
        self.doubt = np.zeros(0)
        self.cross = np.zeros(0)

    @property
    def level(self) -> float:
        """Expected height where nothing is known."""
        return float(self.coefficients[0])

    def reach(self, height: int) -> None:
        """Have a row for each of `height` arms."""
        missing = height - len(self.features)
        rows = np.zeros((missing, self.features.shape[1]))
        rows[:, 0] = 1.0
        self.features = np.concatenate([self.features, rows])
        for column in ("relief", "doubt", "cross"):
            setattr(self, column, np.concatenate([getattr(self, column), np.zeros(missing)]))

    def place(self, arm: int, features: NDArray[np.float64]) -> None:
        """Say where an arm lies: (features,), all 0 where that is not known."""
        self.features[arm, 1:] = features
        self.relief[arm] = self.coefficients[1:] @ features
        self.cross[arm] = self.covariance[0, 1:] @ features
        self.doubt[arm] = features @ self.covariance[1:, 1:] @ features

    def at(self, arm: int) -> tuple[float, float]:
        """Return mean and variance at an arm."""
        mean = self.coefficients[0] + self.relief[arm]
        variance = self.covariance[0, 0] + 2 * self.cross[arm] + self.doubt[arm]
        return float(mean), max(0.0, float(variance))

    def all(self, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return means and variances (height,) of the first `height` arms."""
        mean = self.relief[:height] + self.coefficients[0]
        variance = 2 * self.cross[:height] + self.doubt[:height] + self.covariance[0, 0]
        return mean, np.maximum(variance, 0.0)

    def observe(self, arm: int, precision: float, weighted: float) -> None:
        """Take in what an arm's height says, as precision and precision-weighted value."""
        features = self.features[arm]
        reach = self.covariance @ features
        shrink = 1 / (1 + precision * float(features @ reach))
        surprise = (weighted - precision * self.at(arm)[0]) * shrink
        step = precision * shrink
        self.coefficients += surprise * reach
        self.covariance -= np.outer(step * reach, reach)
        moved = self.features[:, 1:] @ reach[1:]
        self.relief += surprise * moved
        self.cross -= step * reach[0] * moved
        moved *= moved
        moved *= step
        self.doubt -= moved

    def fade(self, kept: float, variance: float) -> None:
        """Let time pass in which `kept` of the landscape stays and it regains some of its `variance`."""
        regained = 1 - kept * kept
        self.coefficients[1:] *= kept
        self.covariance[0, 1:] *= kept
        self.covariance[1:, 0] *= kept
        self.covariance[1:, 1:] *= kept * kept
        diagonal = np.arange(1, len(self.coefficients))
        self.covariance[diagonal, diagonal] += regained * variance
        self.covariance[0, 0] += _WANDER * regained * variance
        self.relief *= kept
        self.cross *= kept
        self.doubt *= kept * kept
        self.doubt += regained * variance * (self.features[:, 1:] ** 2).sum(axis=1)

    def scale(self, factor: float) -> None:
        """Multiply all variances, because heights are now measured by another level."""
        self.covariance *= factor
        self.doubt *= factor
        self.cross *= factor

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {column: getattr(self, column) for column in _COLUMNS}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        for column in _COLUMNS:
            setattr(self, column, state[column])
