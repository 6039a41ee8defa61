"""From files to arrays: what the command line and the benchmarks hand to `run_backtest`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from equal_stream.backtest.corpus import Corpus, build_corpus
from equal_stream.backtest.recorded import by_arrival, read_documents
from equal_stream.backtest.scene import Target
from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import ReferencePair
from equal_stream.reference_files import read_references
from equal_stream.settings import Settings


def open_encoder(settings: Settings, progress: Callable[[int, int], None] | None = None) -> CachedEncoder:
    """Return the encoder with its cache under the data directory."""
    return CachedEncoder(settings, settings.data_dir / "backtest", progress)


def load_corpus(
    encoder: CachedEncoder, settings: Settings, files: Sequence[Path], limit: int | None = None, seed: int = 0
) -> Corpus:
    """Return the documents of files as a corpus, in the order in which they were fetched."""
    documents = by_arrival(read_documents(files, limit=limit, seed=seed))
    return build_corpus(documents, encoder, settings.extraction.max_pairs)


def load_target(encoder: CachedEncoder, path: Path, topic: str = "") -> Target:
    """Return the references of a file, of one topic if it is named; all of them unseen until split.

    Raises
    ------
    ConfigurationError
        There are fewer than two: one half is for the policies, the other for the judges.
    """
    name = topic or path.name.removesuffix(".gz").removesuffix(".jsonl")
    found = [
        pair
        for pair in read_references(path, name.replace("/", "-"))
        if isinstance(pair, ReferencePair) and (not topic or pair.topic == topic)
    ]
    if len(found) < 2:
        of_topic = f" of topic {topic!r}" if topic else ""
        raise ConfigurationError(
            f"{path} has {len(found)} references{of_topic}; a backtest needs two or more"
        )
    texts = [(pair.question, pair.answer) for pair in found]
    vectors = encoder.encode([pair_text(question, answer) for question, answer in texts]).vectors
    return Target.split(name, texts, vectors, 0)
