"""A saved state goes on under the vectors of another encoder: what is not a vector stays as it is.

Money, tickets, attempts, counts, passages under their clusters, costs and what each cluster has brought
stay exactly. Vectors are given anew: of pairs here, of passages right after the state is restored
(`give_vectors`); references come from the log at every start. What was learned in terms of the old vectors
begins anew: where thresholds lie, how passages relate to their pairs, what their vectors say of their
yields, and which clusters are neighbours. It comes back within some dozen answers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation import migrations
from equal_stream.allocation import state as saved
from equal_stream.allocation.background import CAPACITY, Background
from equal_stream.allocation.core import AllocatorCore
from equal_stream.allocation.head import AlignmentHead
from equal_stream.allocation.passage_yields import PassageYields
from equal_stream.allocation.policy.centroids import Centroids
from equal_stream.allocation.policy.posterior import Posterior
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.allocation.quantise import quantise, unit
from equal_stream.allocation.spread import Spread
from equal_stream.allocation.targets import Targets
from equal_stream.errors import InvalidRecord

State = dict[str, Any]
_OF_VECTORS = {"equal"}  # policies that judge clusters by the vectors of their pairs
_NEVER = [-1, -1]  # versions that were never seen: all gains are evaluated anew


class SavedElsewhere:
    """A state that was saved under another encoder's vectors.

    Parameters
    ----------
    data
        As `AllocatorCore.to_state` wrote it, in this release or an earlier one.

    Raises
    ------
    StateMismatch
        As `AllocatorCore.restore`, but for vectors of another length.
    """

    def __init__(self, data: bytes) -> None:
        self._state = migrations.load(data)

    @property
    def dimension(self) -> int:
        """Length of the vectors that it was saved under."""
        return int(self._state["dimension"])

    def pairs(self) -> set[str]:
        """Return the ids of the published pairs that it knows."""
        return {qa_id for qa_id in self._state["parts"]["worth"]["pairs"]["ids"] if qa_id}

    def under(
        self, dimension: int, pairs: Mapping[str, NDArray[np.float32]], crawl: NDArray[np.float32]
    ) -> bytes:
        """Return the state under vectors of another encoder, for `AllocatorCore.restore`.

        Parameters
        ----------
        dimension
            Length of the new vectors.
        pairs
            Unit vectors (d,) by pair id. A pair without one covers nothing.
        crawl
            Unit vectors (n, d) of ordinary passages, drawn uniformly: the new background.
        """
        state = self._state
        parts = state["parts"]
        state["dimension"] = dimension
        state["policy"] = [state["policy"][0], _policy(*state["policy"])]
        parts["pool"]["candidates"]["vectors"] = {}
        prediction, worth = parts["prediction"], parts["worth"]
        prediction["yields"] = PassageYields(dimension).to_state()
        prediction["spread"] = Spread().to_state()
        prediction["head"] = AlignmentHead(dimension).to_state()
        prediction["seen"] = worth["seen"] = _NEVER
        worth["targets"] = Targets(dimension).to_state()
        worth["background"] = _background(worth["background"], crawl)
        worth["audit"] = {}
        _give_pairs(worth["pairs"], dimension, pairs)
        return saved.dump(state)


def candidates(core: AllocatorCore) -> list[tuple[str, str]]:
    """Return the passages in the table, waiting or in flight, with the ids of their documents."""
    table = core.holdings.pool.candidates
    rows = np.flatnonzero(table.taken[: table.height]).tolist()
    return [(table.ids[row], table.document(row)[0]) for row in rows]


def give_vectors(core: AllocatorCore, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    """Give candidates their vectors (d,), and tell the policy where their clusters lie.

    A vector that is none is as good as lost: its passage leaves the table.
    """
    pool = core.holdings.pool
    for passage_id, vector in vectors.items():
        try:
            core.give_vector(passage_id, vector)
        except InvalidRecord:
            core.forget_candidate(passage_id)
            continue
        row = pool.candidates.rows[passage_id]
        core.holdings.policy.arrived(int(pool.candidates.clusters[row]), unit(vector))


def note_outdated(core: AllocatorCore, passages: int) -> None:
    """Count passages that were announced under another encoder and have left the crawl since."""
    if passages:
        core.holdings.counts["outdated: other encoder"] += passages


def _policy(name: str, learned: State) -> State:
    if name in _OF_VECTORS:
        return make_policy(name, exploration=0.0).to_state()
    if name == "calibrated":
        _forget_places(learned["posterior"])
        learned["centroids"] = Centroids().to_state()
    return learned


def _forget_places(posterior: State) -> None:
    """Keep what each arm has shown, and the level of all; forget where arms lie and what neighbours share."""
    for name, fresh in Posterior().to_state().items():
        if name in {"worth", "pairs"}:
            field, level = posterior[name], posterior[name]["level"]
            landscape = field["landscape"]
            landscape["coefficients"][1:] = 0.0
            landscape["covariance"][0, 1:] = landscape["covariance"][1:, 0] = 0.0
            landscape["covariance"][1:, 1:] = fresh["landscape"]["covariance"][1:, 1:] * level**2
            landscape["features"][:, 1:] = 0.0
            for column in ("relief", "doubt", "cross"):
                landscape[column][:] = 0.0
            field["placed"][:] = False


def _background(state: State, crawl: NDArray[np.float32]) -> State:
    """Return a reservoir of these passages, which goes on as one of all that were seen."""
    reservoir = Background(crawl.shape[1], saved.load_rng(state["rng"]))
    for vector in crawl:
        reservoir.add(vector)
    fresh = reservoir.to_state()
    if len(fresh["sample"]) == CAPACITY:
        fresh["seen"] = max(fresh["seen"], state["seen"])
    return fresh


def _give_pairs(state: State, dimension: int, pairs: Mapping[str, NDArray[np.float32]]) -> None:
    height = len(state["ids"])
    codes, scales = np.zeros((height, dimension), np.int8), np.zeros(height, np.float32)
    for row, qa_id in enumerate(state["ids"]):
        if qa_id in pairs:
            code, scale = quantise(unit(pairs[qa_id])[None])
            codes[row], scales[row] = code[0], scale[0]
    state["codes"], state["scales"] = codes, scales
