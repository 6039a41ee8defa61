"""What is replayed: a recorded crawl as it arrives, what extraction really finds in it, and the targets.

A scene is fixed before any policy plays in it, so that all policies meet the same world. Worlds (see
`worlds`) make one scene into another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.corpus import Corpus

Arrival = Literal["all", "stream"]
ATTEMPTS = 2  # tickets for a passage whose calls fail: the service's default


@dataclass(frozen=True)
class Target:
    """References, split into those that policies see and those that only judges do.

    Attributes
    ----------
    texts
        Question and answer of all r references.
    vectors
        (r, d) float32.
    seen
        (r,) bool.
    """

    name: str
    texts: Sequence[tuple[str, str]]
    vectors: NDArray[np.float32]
    seen: NDArray[np.bool_]

    @classmethod
    def split(
        cls, name: str, texts: Sequence[tuple[str, str]], vectors: NDArray[np.float32], seed: int
    ) -> Self:
        """Return a target of which a random half is seen; of a single reference, that one."""
        order = np.random.default_rng([seed, 7]).permutation(len(texts))
        seen = np.zeros(len(texts), bool)
        seen[order[: (len(texts) + 1) // 2]] = True
        return cls(name, texts, vectors, seen)


@dataclass(frozen=True)
class Scene:
    """A world to play in.

    Attributes
    ----------
    found
        (m,) bool; the pairs that extraction finds. The others were recorded and will not be.
    failing
        (n,) bool; passages whose calls are billed and bring nothing usable.
    ticks
        For each tick, the rows of the passages that arrive in it. One tick: everything is there.
    targets
        For each tick, which target counts from then on, by position in `goals`.
    goals
        The targets.
    wordiness
        (ticks,) float64; what output tokens are multiplied by, as when a price or a model changes.
    delay
        Batches after which a call's result comes.
    """

    corpus: Corpus
    found: NDArray[np.bool_]
    failing: NDArray[np.bool_]
    ticks: list[NDArray[np.intp]]
    goals: list[Target]
    targets: NDArray[np.intp]
    wordiness: NDArray[np.float64]
    delay: int = 0
    seed: int = 0

    def pairs(self, passage: int) -> list[int]:
        """Return the rows of the pairs that extraction finds in a passage."""
        return [row for row in self.corpus.pairs(passage) if self.found[row]]

    def arrival_ticks(self) -> NDArray[np.intp]:
        """Return the tick in which each passage arrives: (n,)."""
        tick_of = np.zeros(len(self.corpus), np.intp)
        for tick, rows in enumerate(self.ticks):
            tick_of[rows] = tick
        return tick_of

    def bill(self, passage: int, tick: int) -> tuple[int, int]:
        """Return the tokens in and out that a call for a passage is billed in a tick."""
        corpus = self.corpus
        return int(corpus.tokens_in[passage]), int(corpus.tokens_out[passage] * self.wordiness[tick])

    def mean_bill(self, tick: int) -> float:
        """Return the tokens that a call in a tick is billed, averaged over all passages."""
        return float((self.corpus.tokens_in + self.corpus.tokens_out * self.wordiness[tick]).mean())

    @property
    def total_tokens(self) -> int:
        """What extracting everything as it arrives is billed: what fails, as often as it is tried."""
        out = (self.corpus.tokens_out * self.wordiness[self.arrival_ticks()]).astype(np.int64)
        calls = np.where(self.failing, ATTEMPTS, 1)
        return int(((self.corpus.tokens_in + out) * calls).sum())

    def with_goals(self, goals: Sequence[Target]) -> Self:
        """Return the scene with targets that follow each other in equal shares of the ticks.

        Raises
        ------
        ValueError
            There are more targets than ticks, so that one would never count.
        """
        if not 0 < len(goals) <= len(self.ticks):
            raise ValueError(f"{len(goals)} targets cannot follow each other in {len(self.ticks)} ticks")
        share = np.arange(len(self.ticks)) * len(goals) // len(self.ticks)
        return replace(self, goals=list(goals), targets=share.astype(np.intp))


def make_scene(corpus: Corpus, target: Target, arrival: Arrival, *, ticks: int = 100, seed: int = 0) -> Scene:
    """Return a scene without anything special.

    Parameters
    ----------
    arrival
        ``all``: everything is there at the start, in random order. ``stream``: documents arrive in their
        order, spread evenly over `ticks`.
    """
    if arrival == "all":
        parts = [np.random.default_rng([seed, 3]).permutation(len(corpus)).astype(np.intp)]
    else:
        tick_of = corpus.document_of * min(ticks, corpus.documents) // corpus.documents
        parts = [np.flatnonzero(tick_of == tick) for tick in range(int(tick_of.max(initial=0)) + 1)]
    return Scene(
        corpus=corpus,
        found=np.ones(len(corpus.questions), bool),
        failing=np.zeros(len(corpus), bool),
        ticks=parts,
        goals=[target],
        targets=np.zeros(len(parts), np.intp),
        wordiness=np.ones(len(parts)),
        seed=seed,
    )
