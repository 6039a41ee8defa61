"""Saved states of earlier releases, brought up to the one that this release writes.

An upgrade must not cost the history: money, tickets, candidates, coverage and pairs are carried over exactly.
What was learned is carried over where its form is the same, and begins anew where it is not; it comes back
within some dozen answers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.documents import Documents
from equal_stream.allocation.exceptions import StateMismatch
from equal_stream.allocation.passage_forms import site_of
from equal_stream.allocation.passage_yields import PassageYields
from equal_stream.allocation.policy.posterior import Posterior
from equal_stream.allocation.spread import Spread

State = dict[str, Any]


def load(data: bytes) -> State:
    """Return a saved state as `saved.dump` would be given it by this release.

    Raises
    ------
    StateMismatch
        A later release wrote it, or one before the first that can be read, or it is no saved state.
    """
    version, state = saved.read(data)
    if version not in _STEPS and version != saved.VERSION:
        raise StateMismatch(
            f"The saved allocation state has version {version}, this release reads {min(_STEPS)} to "
            f"{saved.VERSION}: start the release that wrote it, or move the allocator's snapshots away, and "
            "the log is replayed from its beginning."
        )
    while version != saved.VERSION:
        _STEPS[version](state)
        version += 1
    return state


def _from_5(state: State) -> None:
    """Candidates have sites and places; yields are learned by them; pairs and their worth are told apart."""
    parts = state["parts"]
    candidates = parts["pool"]["candidates"]
    documents = Documents()
    documents.load_state(candidates["documents"])
    columns = candidates["columns"]
    taken = columns["taken"]
    sites = np.zeros((2, len(taken)), np.uint32)
    for row in np.flatnonzero(taken).tolist():
        _, url = documents.read(int(columns["documents"][row]))
        sites[:, row] = site_of(url)
    columns["site"], columns["section"] = sites
    columns["before"], columns["after"] = np.zeros((2, len(taken)), np.uint8)
    prediction = parts["prediction"]
    prediction["yields"] = PassageYields(state["dimension"]).to_state()
    prediction["spread"] = Spread().to_state()
    prediction["seen"] = [prediction["seen"], 0]
    name, learned = state["policy"]
    if name == "calibrated":
        worth = learned["posterior"]
        squares, seen, *size = worth["noise"]
        worth["noise"], worth["size"] = [squares, seen], size
        fresh = Posterior().to_state()
        learned["posterior"] = {**fresh, "worth": worth, "size": size}


_STEPS: dict[int, Callable[[State], None]] = {5: _from_5}
