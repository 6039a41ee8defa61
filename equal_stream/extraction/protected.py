"""Evaluation questions that must never be published, or they would test memory instead of skill.

A pair is caught when it asks exactly a protected question, or shares thirteen words in a row with one,
the length at which overlap is no accident (Brown et al., "Language Models are Few-Shot Learners", 2020,
appendix C). Texts in scripts without spaces count characters as words.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import xxhash

from equal_stream.errors import ConfigurationError
from equal_stream.extraction.words import words
from equal_stream.ids import normalise_question

_GRAM = 13


class ProtectedQuestions:
    """A set of evaluation questions; 8 bytes of hash a question and a word.

    Parameters
    ----------
    questions
        Their texts; none: nothing is protected.
    """

    def __init__(self, questions: Iterable[str] = ()) -> None:
        self._exact: set[int] = set()
        self._grams: set[int] = set()
        for question in questions:
            self._exact.add(_hash(normalise_question(question)))
            self._grams.update(_gram_hashes(question))

    def __len__(self) -> int:
        return len(self._exact)

    def covers(self, question: str, answer: str) -> bool:
        """Return whether the pair gives away a protected question."""
        if not self._exact:
            return False
        if _hash(normalise_question(question)) in self._exact:
            return True
        return any(not self._grams.isdisjoint(_gram_hashes(text)) for text in (question, answer))


class _Question(msgspec.Struct):
    question: str


def read_protected(paths: Sequence[Path]) -> ProtectedQuestions:
    """Return the questions of JSONL files (.gz: gzipped), one object with `question` a line.

    Raises
    ------
    ConfigurationError
        A file cannot be read, or a line has no question: what should be protected would not be.
    """
    return ProtectedQuestions(question for path in paths for question in _questions(path))


def _questions(path: Path) -> Iterator[str]:
    decoder = msgspec.json.Decoder(_Question)
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 (the number is for the error below)
                if line.strip():
                    yield decoder.decode(line).question
    except (OSError, EOFError) as error:
        raise ConfigurationError(f"the protected questions in {path} cannot be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"line {number} of {path} is no object with a question: {error}") from error


def _gram_hashes(text: str) -> set[int]:
    spoken = words(text)
    return {_hash(" ".join(spoken[at : at + _GRAM])) for at in range(len(spoken) - _GRAM + 1)}


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
