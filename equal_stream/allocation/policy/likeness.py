"""How alike clusters are, as short feature vectors whose dot products are the likeness.

Random Fourier features of the Gaussian kernel exp(-|x - y|² / 2 l²) (Rahimi and Recht, 2007), with
orthogonal frequencies, which estimate it better for the same length (Yu and others, 2016). Cosines and
sines in pairs make every feature vector exactly one long.
"""

import numpy as np
from numpy.typing import NDArray


class Likeness:
    """Turns centroids into features.

    Parameters
    ----------
    features
        Length of a feature vector, even; the likeness is off by about 1 / sqrt(features).
    length_scale
        Distance between unit vectors at which likeness has fallen to 0.6; 0.6 is a cosine of 0.82.
    seed
        Of the frequencies: equal seeds give equal features.
    """

    def __init__(self, features: int = 128, length_scale: float = 0.6, seed: int = 0) -> None:
        self.features = features
        self.length_scale = length_scale
        self.seed = seed
        self._frequencies = np.zeros((0, 0))

    def of(self, centroid: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the features (features,) of a unit vector (d,)."""
        if self._frequencies.shape[1] != len(centroid):
            self._frequencies = self._draw(len(centroid))
        turns = self._frequencies @ centroid
        waves = np.concatenate([np.cos(turns), np.sin(turns)]) / np.sqrt(len(turns))
        return np.asarray(waves, np.float64)

    def _draw(self, dimension: int) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.seed)
        blocks: list[NDArray[np.float64]] = []
        missing = self.features // 2
        while missing > 0:
            directions, _ = np.linalg.qr(rng.standard_normal((dimension, min(dimension, missing))))
            lengths = np.sqrt(rng.chisquare(dimension, directions.shape[1]))
            blocks.append(directions.T * lengths[:, None])
            missing -= directions.shape[1]
        return np.concatenate(blocks) / self.length_scale
