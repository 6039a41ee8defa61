"""From files to arrays: what the command line and the benchmarks hand to `run_backtest`."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from equal_stream.backtest.corpus import Corpus, build_corpus
from equal_stream.backtest.recorded import by_arrival, read_documents
from equal_stream.backtest.scene import Target
from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.pairtext import pair_text
from equal_stream.messages import ReferencePair
from equal_stream.reference_files import BadLine, read_references
from equal_stream.settings import Settings

_NAMED = 12  # topics in an error


def open_encoder(settings: Settings, progress: Callable[[int, int], None] | None = None) -> CachedEncoder:
    """Return the encoder with its cache under the data directory."""
    return CachedEncoder(settings, settings.data_dir / "backtest", progress)


def load_corpus(
    encoder: CachedEncoder,
    settings: Settings,
    files: Sequence[Path],
    limit: int | None = None,
    seed: int = 0,
    *,
    warn: Callable[[str], None] | None = None,
) -> Corpus:
    """Return the documents of files as a corpus, in the order in which they were fetched.

    Parameters are those of `recorded.read_documents`, and so is what is raised. `warn` is also told when
    there is nothing to find in any of them.
    """
    documents = by_arrival(read_documents(files, limit=limit, seed=seed, warn=warn))
    corpus = build_corpus(documents, encoder, settings.extraction.max_pairs)
    if warn is not None and not corpus.questions:
        warn("no document has a pair in its field qa, so whatever is bought, nothing will be reached")
    return corpus


def load_target(
    encoder: CachedEncoder, path: Path, topic: str = "", *, warn: Callable[[str], None] | None = None
) -> Target:
    """Return the references of a file, of one topic if it is named, split by seed 0.

    Parameters
    ----------
    warn
        Told in a sentence how many lines were left out, and why the first of them was.

    Raises
    ------
    ConfigurationError
        There are fewer than two: one half is for the policies, the other for the judges.
    """
    name = topic or path.name.removesuffix(".gz").removesuffix(".jsonl")
    lines = list(read_references(path, name))
    bad = [line for line in lines if isinstance(line, BadLine)]
    good = [line for line in lines if isinstance(line, ReferencePair)]
    left_out = f"{len(bad):,} lines left out; line {bad[0].line} {bad[0].reason}" if bad else ""
    found = [pair for pair in good if not topic or pair.topic == topic]
    if len(found) < 2:
        what = f"reference of topic {topic!r}" if topic else "reference"
        hint = _topics(good) if topic else left_out
        raise ConfigurationError(
            f"{path} has {'only one' if found else 'no'} {what}, and a backtest needs two or more"
            + (f"; {hint}" if hint else "")
        )
    if warn is not None and bad:
        warn(f"{path}: {left_out}")
    texts = [(pair.question, pair.answer) for pair in found]
    vectors = encoder.encode([pair_text(question, answer) for question, answer in texts]).vectors
    return Target.split(name, texts, vectors, 0)


def _topics(references: Sequence[ReferencePair]) -> str:
    counts = Counter(pair.topic for pair in references if pair.topic)
    if not counts:
        return "none of its lines names a topic"
    more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
    named = ", ".join(f"{topic} ({count})" for topic, count in counts.most_common(_NAMED))
    return f"its topics are {named}{more}"
