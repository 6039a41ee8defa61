"""Pairs recorded with documents: JSONL files whose lines have `text` and `qa`.

A document is cut as the embedder cuts it, and each of its pairs goes to the passage that holds its answer.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from equal_stream.alignment.examples import HarvestedPair
from equal_stream.embedding.passages import PassageCutter
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.pairtext import pair_text
from equal_stream.simulate.grounding import GroundText
from equal_stream.simulate.recorded_file import RecordedDocument, RecordedFileError, read_lines


class _Name(msgspec.Struct):
    url: str = ""
    doc_id: str = ""


def recorded_pairs(
    files: Sequence[Path], cutter: PassageCutter, most_per_passage: int
) -> Iterator[HarvestedPair]:
    """Yield the pairs of recorded documents, at most so many of each passage, as a call would ask for.

    A pair that no passage supports is passed over.

    Raises
    ------
    ConfigurationError
        A file is missing, broken, or holds something else than documents with pairs.
    """
    for path in files:
        try:
            for line, document in read_lines(path):
                name = msgspec.json.decode(line, type=_Name)
                yield from document_pairs(
                    name.url or name.doc_id or document.text, document, cutter, most_per_passage
                )
        except RecordedFileError as error:
            raise ConfigurationError(str(error)) from error
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"{path}: {error} (url or doc_id)") from error


def document_pairs(
    name: str, document: RecordedDocument, cutter: PassageCutter, most_per_passage: int
) -> Iterator[HarvestedPair]:
    """Yield the pairs of one document, which `name` tells from others, with their passages."""
    if not document.qa:
        return
    passages = cutter.cut(document.text)
    if not passages:
        return
    ends = [passage.end for passage in passages]
    ground = GroundText(document.text)
    taken = [0] * len(passages)
    for pair in document.qa:
        home = ground.home(pair.question, pair.answer)
        if home is None:
            continue
        # Long answers reach beyond their passage: where they begin decides.
        number = min(bisect_right(ends, home.start), len(passages) - 1)
        if taken[number] < most_per_passage:
            taken[number] += 1
            yield HarvestedPair(name, passages[number].text, pair_text(pair.question, pair.answer))
