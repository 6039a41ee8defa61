"""Which pairs a subscriber or an export wants."""

from dataclasses import dataclass

from equal_stream.messages import QAPair


@dataclass(frozen=True, slots=True)
class PairSelection:
    """A choice of pairs.

    Parameters
    ----------
    targets
        Names of targets; empty: all.
    min_gain
        The least gain; None: any.
    """

    targets: tuple[str, ...] = ()
    min_gain: float | None = None

    def takes(self, pair: QAPair) -> bool:
        """Tell whether a pair is wanted."""
        return (not self.targets or pair.target in self.targets) and (
            self.min_gain is None or pair.gain >= self.min_gain
        )
