"""All recognisers, the ones whose pairs say most first."""

from collections.abc import Callable, Iterator

import msgspec

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.offline.definitions import definitions
from equal_stream.extraction.offline.docstring import described_names, summaries
from equal_stream.extraction.offline.examples import worked_examples
from equal_stream.extraction.offline.faq import asking_lines, labelled_questions
from equal_stream.extraction.parse import RawPair
from equal_stream.ids import normalise_question

Recogniser = Callable[[PassageText], Iterator[RawPair]]

_READ = 8_000  # characters: several times a passage; what is longer is no text but a run of marks

RECOGNISERS: tuple[Recogniser, ...] = (
    labelled_questions,
    asking_lines,
    summaries,
    definitions,
    described_names,
    worked_examples,
)


def recognise(passage: PassageText, max_pairs: int) -> list[RawPair]:
    """Return at most `max_pairs` pairs, no question twice, in the recognisers' order."""
    if len(passage.text) > _READ:
        passage = msgspec.structs.replace(passage, text=passage.text[:_READ])
    pairs: dict[str, RawPair] = {}
    for recogniser in RECOGNISERS:
        for pair in recogniser(passage):
            if len(pairs) == max_pairs:
                return list(pairs.values())
            pairs.setdefault(normalise_question(pair.question), pair)
    return list(pairs.values())
