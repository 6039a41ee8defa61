"""What an alignment brought, as it is kept in `alignment.json` beside the model and printed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from equal_stream.alignment.comparison import Comparison
from equal_stream.alignment.parameters import Parameters

FILE_NAME = "alignment.json"


class Amount(msgspec.Struct, frozen=True):
    """How much there is on one side."""

    pairs: int
    passages: int
    documents: int


class LeftOut(msgspec.Struct, frozen=True):
    """What was not used, and why."""

    copied_passages: int
    copied_pairs: int
    pairs_without_text: int
    pairs_beyond_the_most: int


class Learning(msgspec.Struct, frozen=True):
    """How the training went: mean loss of its first and last tenth, steps, device and arithmetic."""

    steps: int
    first_loss: float
    last_loss: float
    device: str
    arithmetic: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report.

    Parameters
    ----------
    before, after
        Identities of the encoder in service and of the fine-tuned one.
    source
        Where the pairs came from.
    passage_to_pair, pair_to_passage
        Figures on the held-out documents by name: `mrr`, `recall_at_1` …
    better
        Whether the MRR from passage to pair rose, by its whole interval.
    saved
        Whether the model lies beside this report.
    seconds
        By what they went into.
    """

    before: str
    after: str
    source: str
    learned: Amount
    held_out: Amount
    left_out: LeftOut
    parameters: Parameters
    learning: Learning
    passage_to_pair: dict[str, Comparison]
    pair_to_passage: dict[str, Comparison]
    better: bool
    saved: bool
    seconds: dict[str, float]

    def write(self, directory: Path) -> None:
        """Write it into a directory."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        (directory / FILE_NAME).write_bytes(text + b"\n")

    def rows(self) -> Iterator[tuple[str, float, float, float, float, float]]:
        """Yield a line for each figure: its name, before, after, difference, and the ends of its interval."""
        for way, figures in (
            ("passage → pair", self.passage_to_pair),
            ("pair → passage", self.pair_to_passage),
        ):
            for name, each in figures.items():
                label = f"{way}, {name.replace('_at_', '@').replace('mrr', 'MRR')}"
                yield label, each.before, each.after, each.difference, each.low, each.high
