"""Discounted UCB over clusters on gain ÷ cost: `ucb-ratio` that forgets.

Results fade with every new ticket, so what a cluster brought lately counts most, and one that was left
alone becomes uncertain again.

Garivier and Moulines 2011, "On upper-confidence bound policies for switching bandit problems".
"""

from typing import ClassVar

from equal_stream.allocation.policy.arm_sums import ArmSums
from equal_stream.allocation.policy.ucb_ratio import UCBRatio


class DiscountedUCB(UCBRatio):
    """Buys from the cluster whose gain per cost could be the highest by recent results.

    Parameters
    ----------
    exploration
        Share of tickets to draw at random, recorded in their propensity.
    alpha
        Width of the optimism, in standard deviations of the gain of one ticket.
    forget
        What is kept of all results at every new one; the paper's γ.
    """

    name: ClassVar[str] = "discounted-ucb"

    def __init__(self, exploration: float = 0.0, *, alpha: float = 0.05, forget: float = 0.999) -> None:
        self.forget = forget
        super().__init__(exploration, alpha=alpha)

    def _sums(self) -> ArmSums:
        return ArmSums(self.forget)
