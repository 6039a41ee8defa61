"""Audits of the whole output: how far is what is published for a target from its references, as a whole?

Coverage adds up what each pair brings, so it cannot see that nine pairs in ten are beside the point, or that
all of them crowd into one corner. The energy distance between two samples (Székely & Rizzo, "Energy
statistics", 2013) compares the distributions themselves: it is 0 for the same one and grows with any
difference in place, spread or shape. It is estimated without bias, so its mean does not depend on the sizes
of the samples, and it may come out a little below 0. What it amounts to depends on the encoder and the
target; so the distance of as many ordinary passages of the crawl stands beside it. An output at that distance
is no better than the crawl, one near 0 is spread over the target as its references are. It grows with the
square of what is wrong: where half of the output might as well be the crawl, the distance is a quarter of it
(measured with MiniLM on three targets: 0.27, 0.24 and 0.20 of it, and 0.003, −0.017 and 0.008 where nothing
is wrong).

The references audited against are those that steer the spending. Keeping some of them out of it would make
the audit stricter, but every reference was given to be served, and a topic described by three of them would
now and then be served by none. Where an independent verdict is wanted, `equal-stream backtest` judges on
references that no policy saw.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.background import Background
from equal_stream.allocation.pairs import PublishedPairs
from equal_stream.allocation.targets import Targets

SMALLEST = 32  # pairs; with fewer the distance of a good output is hard to tell from that of a middling one
NEW_PAIRS = 256  # after so many the whole sample is another
EVERY_SECONDS = 900.0  # references and crawl move too, and a slow target wants to be seen the same day
_SAMPLE = 256  # of pairs and of the crawl: 3 to 15 ms an audit at 384 dimensions, four times that at 512
_REFERENCES = 512
_PAIRS_OF = 2  # the distance within a sample needs two


@dataclass(frozen=True, slots=True)
class Audit:
    """One look at a target's output.

    Parameters
    ----------
    distance
        Energy distance of the pairs to the references; None when there is too little of either.
    crawl
        The same of ordinary passages; None while too few were seen.
    pairs
        How many pairs were in the sample.
    at
        When, in seconds since 1970.
    held
        How many pairs the target had then.
    """

    distance: float | None
    crawl: float | None
    pairs: int
    at: float
    held: int


NOT_YET = Audit(None, None, 0, 0.0, 0)


class OutputAudit:
    """The latest audit of each target, renewed one at a time as they fall due."""

    def __init__(self) -> None:
        self._latest: dict[str, Audit] = {}

    def of(self, target: str) -> Audit:
        """Return a target's latest audit; `NOT_YET` before the first."""
        return self._latest.get(target, NOT_YET)

    def renew(self, targets: Targets, pairs: PublishedPairs, background: Background, instant: float) -> None:
        """Audit the target that has been due for longest, if any is, and forget those that are gone.

        A target is due after every `NEW_PAIRS` pairs, or `EVERY_SECONDS` after its last audit.
        """
        self._latest = {name: audit for name, audit in self._latest.items() if name in targets.by_name}
        due = [name for name in targets.names if self._is_due(name, pairs.held_for(name), instant)]
        if due:
            name = min(due, key=lambda each: self.of(each).at)
            self._latest[name] = _audit(name, targets, pairs, background, instant)

    def _is_due(self, target: str, held: int, instant: float) -> bool:
        last = self._latest.get(target)
        if last is None:
            return held >= SMALLEST
        return abs(held - last.held) >= NEW_PAIRS or instant - last.at >= EVERY_SECONDS

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        return {
            name: [each.distance, each.crawl, each.pairs, each.at, each.held]
            for name, each in self._latest.items()
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._latest = {name: Audit(*fields) for name, fields in state.items()}


def energy_distance(
    sample: NDArray[np.float32], references: NDArray[np.float32], weights: NDArray[np.float64]
) -> float:
    """Return the unbiased estimate of the energy distance, 2 E|X − Y| − E|X − X'| − E|Y − Y'|.

    Parameters
    ----------
    sample
        (n, d) unit vectors, n ≥ 2.
    references
        (m, d) unit vectors, m ≥ 2.
    weights
        (m,) of the references; two at least are above 0.
    """
    between = _apart(sample, references).mean(axis=0, dtype=np.float64) @ weights / weights.sum()
    return float(2 * between - _within(sample, np.ones(len(sample))) - _within(references, weights))


def _apart(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Euclidean distances (n, m) of unit vectors (n, d) and (m, d)."""
    apart: NDArray[np.float32] = some @ others.T
    apart *= -2
    apart += 2
    np.maximum(apart, np.float32(0), out=apart)
    return np.sqrt(apart)


def _within(vectors: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the weighted mean distance of two different vectors of (n, d)."""
    apart = _apart(vectors, vectors)
    np.fill_diagonal(apart, 0)
    return float(weights @ (apart @ weights) / (weights @ (weights.sum() - weights)))


def _audit(
    name: str, targets: Targets, pairs: PublishedPairs, background: Background, instant: float
) -> Audit:
    held = pairs.held_for(name)
    rows = _references(name, targets)
    published = pairs.latest(name, _SAMPLE)
    if len(rows) < _PAIRS_OF or len(published) < SMALLEST:
        return Audit(None, None, 0, instant, held)
    references, weights = targets.vectors[rows], targets.weights[rows]
    crawl = background.sample(len(published))
    return Audit(
        energy_distance(published, references, weights),
        energy_distance(crawl, references, weights) if len(crawl) >= SMALLEST else None,
        len(published),
        instant,
        held,
    )


def _references(name: str, targets: Targets) -> NDArray[np.intp]:
    """Return rows of references that have weight; where there are many, always the same out of them.

    A fresh draw at each audit would move the distance by itself.
    """
    rows = np.flatnonzero((targets.owner == targets.names.index(name)) & (targets.weights > 0))
    if len(rows) <= _REFERENCES:
        return rows
    return np.array(sorted(rows, key=lambda row: _draw(targets.keys[row][1]))[:_REFERENCES], np.intp)


def _draw(ref_id: str) -> bytes:
    return hashlib.blake2b(ref_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
