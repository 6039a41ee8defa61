"""Passages with the pairs that were harvested from them, each told apart from every other.

What stands in two places teaches nothing and spoils a measurement: a copy of a passage would be a wrong
answer that is right, and a copy in another document would carry what is learned into what is held out. So
copies and near copies of a passage are left out, and so are pairs that word for word came from several.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from equal_stream.embedding.fingerprint import Fingerprint, fingerprint

NEAR_COPY = 0.7  # Jaccard of word triples; pages count as copies at .85, passages share their frames sooner


@dataclass(frozen=True, slots=True)
class HarvestedPair:
    """A pair as it was harvested.

    Parameters
    ----------
    document
        What tells its document from others, such as the doc_id or URL.
    passage
        The text of the passage it was extracted from.
    pair
        Its text as it is embedded: `equal_stream.extraction.pairtext.pair_text`.
    """

    document: str
    passage: str
    pair: str


@dataclass(frozen=True, slots=True)
class Example:
    """A passage of a document and its pairs, at least one."""

    document: str
    passage: str
    pairs: tuple[str, ...]


@dataclass
class Collected:
    """Examples, and how many passages and pairs were left out for being copies."""

    examples: list[Example] = field(default_factory=list)
    copied_passages: int = 0
    copied_pairs: int = 0

    @property
    def pairs(self) -> int:
        """The number of pairs in all examples."""
        return sum(len(example.pairs) for example in self.examples)


def collect(harvested: Iterable[HarvestedPair]) -> Collected:
    """Return examples in the order in which their passages first came.

    1. Join the pairs of each passage, each wording once.
    2. Leave out pairs whose wording several passages have.
    3. Leave out passages that nearly repeat an earlier one, and those without a pair.
    """
    collected = Collected()
    # 1. Join.
    joined: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for each in harvested:
        pairs = joined[each.document, each.passage]
        wording = _folded(each.pair)
        if wording in pairs:
            collected.copied_pairs += 1
        pairs.setdefault(wording, each.pair)
    # 2. Leave out pairs that several passages have.
    holders = Counter(wording for pairs in joined.values() for wording in pairs)
    copies = NearCopies()
    for (document, passage), pairs in joined.items():
        own = tuple(text for wording, text in pairs.items() if holders[wording] == 1)
        collected.copied_pairs += len(pairs) - len(own)
        # 3. Leave out near copies of passages.
        if not own:
            continue
        if copies.has(passage):
            collected.copied_passages += 1
            continue
        collected.examples.append(Example(document, passage, own))
    return collected


class NearCopies:
    """Remembers texts by their fingerprints, and knows them again when they come slightly changed."""

    def __init__(self) -> None:
        self._seen: list[Fingerprint] = []
        self._by_band: defaultdict[str, list[int]] = defaultdict(list)
        self._hashes: set[str] = set()

    def has(self, text: str) -> bool:
        """Return whether a text like this one came before; remember it when not."""
        print_ = fingerprint(text)
        if print_.content_hash in self._hashes:
            return True
        bands = print_.bands()
        likely = {number for band in bands for number in self._by_band.get(band, ())}
        if any(print_.similarity(self._seen[number].signature) >= NEAR_COPY for number in likely):
            return True
        self._hashes.add(print_.content_hash)
        for band in bands:
            self._by_band[band].append(len(self._seen))
        self._seen.append(print_)
        return False


def at_most(examples: Sequence[Example], pairs: int, seed: int) -> list[Example]:
    """Return examples drawn at random, in their order, with at most so many pairs in all."""
    kept: list[int] = []
    left = pairs
    for number in np.random.default_rng(seed).permutation(len(examples)).tolist():
        size = len(examples[number].pairs)
        if size <= left:
            kept.append(number)
            left -= size
    return [examples[number] for number in sorted(kept)]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
