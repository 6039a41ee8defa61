"""How many tokens an answer has: by cluster a discounted mean, shrunk to the mean of all."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.growth import grown

_SHRINKAGE = 5.0  # answers a cluster needs before its own mean counts as much as everyone's
_FORGET = 0.995  # per answer: prompts and models change
_UNSEEN = 0  # the slot of every cluster that never had an answer: nothing is ever written to it


class OutputLengths:
    """Tokens of answers.

    Parameters
    ----------
    guess
        Tokens of an answer, assumed as if one had been seen.
    """

    def __init__(self, guess: float) -> None:
        self._all = np.array([guess, 1.0])  # tokens, answers
        self._slots: dict[int, int] = {}
        self._sums = np.zeros((1, 2))  # (slots, 2) tokens and answers of clusters
        self._free: list[int] = []

    def means(self, cluster_ids: Collection[int]) -> NDArray[np.float64]:
        """Return the tokens to expect of an answer from each of these clusters, (n,)."""
        prior = _SHRINKAGE * float(self._all[0] / self._all[1])
        slots = self._slots
        known = self._sums[[slots.get(cluster_id, _UNSEEN) for cluster_id in cluster_ids]]
        means: NDArray[np.float64] = (known[:, 0] + prior) / (known[:, 1] + _SHRINKAGE)
        return means

    def learn(self, cluster_id: int, tokens: int) -> None:
        """Take in the tokens of one answer."""
        self._all = self._all * _FORGET + [tokens, 1.0]
        slot = self._slot(cluster_id)
        self._sums[slot] = self._sums[slot] * _FORGET + [tokens, 1.0]

    def inherit(self, child: int, parent: int) -> None:
        """Let a new cluster begin with what its parent has shown, at half the weight."""
        if parent in self._slots and child not in self._slots:
            slot = self._slot(child)
            self._sums[slot] = self._sums[self._slots[parent]] / 2

    def merge(self, survivor: int, ended: int) -> None:
        """Add what an ended cluster has shown to its survivor."""
        if ended in self._slots and ended != survivor:
            shown = self._sums[self._slots[ended]].copy()
            self.forget(ended)
            slot = self._slot(survivor)
            self._sums[slot] += shown

    def forget(self, cluster_id: int) -> None:
        """Drop what is known of a cluster that is gone."""
        slot = self._slots.pop(cluster_id, None)
        if slot is not None:
            self._free.append(slot)

    def _slot(self, cluster_id: int) -> int:
        slot = self._slots.get(cluster_id)
        if slot is None:
            slot = self._free.pop() if self._free else len(self._slots) + 1
            self._sums = grown(self._sums, slot + 1)
            self._sums[slot] = 0.0
            self._slots[cluster_id] = slot
        return slot

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes."""
        clusters = [[cluster, *self._sums[slot].tolist()] for cluster, slot in self._slots.items()]
        return {"output": self._all, "clusters": clusters}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._all = state["output"]
        self._slots.clear()
        self._free.clear()
        for cluster, tokens, answers in state["clusters"]:
            slot = self._slot(cluster)
            self._sums[slot] = tokens, answers
