"""What a policy's predictions are made of; each can be left out, to measure what it is worth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Which parts of the default policy are in use.

    Parameters
    ----------
    cost
        Value is gain per predicted cost, not per passage.
    floor
        Passages keep a little worth below the similarity threshold.
    spread
        How far around a passage its pairs lie is learned; without it, it is as it was on recorded corpora.
    yields
        Pairs to expect of a passage are learned from its vector, its length, its place and its site.
    head
        A linear map on the vectors, refitted on harvested pairs, is used once it predicts better.
    calibration
        Predictions are multiplied by what became of earlier ones in the same cluster.
    correlation
        Clusters that lie near each other learn from each other.
    lineage
        Children of a split begin with evidence of their parent.
    forgetting
        Evidence fades.
    """

    cost: bool = True
    floor: bool = True
    spread: bool = True
    yields: bool = True
    head: bool = True
    calibration: bool = True
    correlation: bool = True
    lineage: bool = True
    forgetting: bool = True


NONE_LEARNED = Ingredients(
    floor=False,
    spread=False,
    yields=False,
    head=False,
    calibration=False,
    correlation=False,
    lineage=False,
    forgetting=False,
)
