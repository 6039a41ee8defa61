"""What an alignment is made of: the service's own pairs, or pairs recorded with documents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from equal_stream.alignment.examples import Example, HarvestedPair, at_most, collect
from equal_stream.alignment.harvest import harvest
from equal_stream.alignment.recorded import recorded_pairs
from equal_stream.alignment.report import LeftOut
from equal_stream.alignment.texts import passage_texts
from equal_stream.embedding.encoder import Encoder
from equal_stream.embedding.passages import PassageCutter
from equal_stream.settings import Settings
from equal_stream.transport.base import Transport


@dataclass(frozen=True)
class Material:
    """Examples to learn from and to judge by.

    Parameters
    ----------
    examples
        Passages with their pairs, without copies.
    source
        Where they came from, for the report.
    left_out
        What was not used of it.
    """

    examples: Sequence[Example]
    source: str
    left_out: LeftOut


def from_log(
    settings: Settings, transport: Transport, encoder: Encoder, max_pairs: int, seed: int
) -> Material:
    """Return the pairs in force, at most so many, with the texts of their passages.

    Raises what `texts.passage_texts` raises.
    """
    found = harvest(
        transport,
        lambda wanted: passage_texts(settings, transport, wanted, encoder.identity, encoder.dimension),
        max_pairs,
        seed,
    )
    return _material(
        found.pairs, "qa.pairs", max_pairs, seed, not_drawn=found.not_drawn, without_text=found.without_text
    )


def from_documents(
    settings: Settings, files: Sequence[Path], encoder: Encoder, max_pairs: int, seed: int
) -> Material:
    """Return the pairs recorded with documents, at most so many, the documents cut as the embedder would.

    Raises what `recorded.recorded_pairs` raises.
    """
    cut = settings.passages
    cutter = PassageCutter(encoder.tokens, cut.target_tokens, min(cut.max_tokens, encoder.max_tokens))
    pairs = recorded_pairs(files, cutter, settings.extraction.max_pairs)
    return _material(pairs, ", ".join(path.name for path in files), max_pairs, seed)


def _material(
    pairs: Iterable[HarvestedPair],
    source: str,
    most: int,
    seed: int,
    *,
    not_drawn: int = 0,
    without_text: int = 0,
) -> Material:
    collected = collect(pairs)
    examples = at_most(collected.examples, most, seed)
    used = sum(len(example.pairs) for example in examples)
    return Material(
        examples,
        source,
        LeftOut(
            copied_passages=collected.copied_passages,
            copied_pairs=collected.copied_pairs,
            pairs_without_text=without_text,
            pairs_beyond_the_most=not_drawn + collected.pairs - used,
        ),
    )
