"""Which living cluster a cluster id stands for now.

Ids are never reused, but they end: by a merge into a survivor, a death with an heir, a split into
others. Messages under way still carry the old id, so every id is resolved before it is used.
Memory: one small entry for every cluster that ever ended.
"""


class Lineage:
    """Ended cluster ids and what they became."""

    def __init__(self) -> None:
        self._heirs: dict[int, int] = {}

    def resolve(self, cluster_id: int) -> int:
        """Return the living cluster this id stands for: itself unless it ended."""
        path = []
        while cluster_id in self._heirs:
            path.append(cluster_id)
            cluster_id = self._heirs[cluster_id]
        for ended in path:
            self._heirs[ended] = cluster_id
        return cluster_id

    def end(self, cluster_id: int, heir: int) -> bool:
        """Note that a cluster became another; False when that is known, or would close a circle."""
        if cluster_id in self._heirs or self.resolve(heir) == cluster_id:
            return False
        self._heirs[cluster_id] = self.resolve(heir)
        return True

    def to_state(self) -> list[tuple[int, int]]:
        """Return what `load_state` takes."""
        return list(self._heirs.items())

    def load_state(self, state: list[tuple[int, int]]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._heirs = dict(state)
