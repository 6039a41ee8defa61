"""A recorded crawl as arrays: passages, the pairs in each, their vectors, and what each costs to extract."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.placing import Places
from equal_stream.backtest.recorded import RecordedDocument
from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.extraction.pairtext import pair_text
from equal_stream.extraction.prompt import prompt_for
from equal_stream.ids import doc_id, normalise_question, passage_id

_CHARACTERS_PER_TOKEN = 4.0  # of the prompt's English
_PAIR_OVERHEAD = 40  # tokens: a sentence of evidence, and JSON around the three fields


@dataclass(frozen=True)
class Corpus:
    """Passages in the order of their documents; pairs in the order of their passages.

    Attributes
    ----------
    documents
        How many.
    doc_ids, urls
        By document.
    sources
        By document: `source` as recorded, or the URL's host.
    document_of
        (n,) intp; each passage's document.
    passage_ids
        (n,) UUIDs.
    tokens, text_bytes
        (n,) int64; encoder tokens and UTF-8 bytes of the passages.
    vectors
        (n, d) float32.
    tokens_in, tokens_out
        (n,) int64; what extracting a passage is billed.
    pair_start
        (n + 1,) intp; the pairs of passage i are `pair_start[i]` … `pair_start[i + 1] - 1`.
    pair_vectors
        (m, d) float32.
    questions, answers
        (m,) texts.
    """

    documents: int
    doc_ids: list[str]
    urls: list[str]
    sources: list[str]
    document_of: NDArray[np.intp]
    passage_ids: list[str]
    tokens: NDArray[np.int64]
    text_bytes: NDArray[np.int64]
    vectors: NDArray[np.float32]
    tokens_in: NDArray[np.int64]
    tokens_out: NDArray[np.int64]
    pair_start: NDArray[np.intp]
    pair_vectors: NDArray[np.float32]
    questions: list[str]
    answers: list[str]

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.passage_ids)

    @property
    def cost(self) -> NDArray[np.int64]:
        """Tokens that extracting each passage is billed, in and out: (n,)."""
        return self.tokens_in + self.tokens_out

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[1])

    def pairs(self, passage: int) -> range:
        """Return the rows of a passage's pairs."""
        return range(self.pair_start[passage], self.pair_start[passage + 1])

    def neighbours(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return how many passages each passage's document has before it and after it: (n,) each."""
        order = np.argsort(self.document_of, kind="stable")
        counts = np.bincount(self.document_of, minlength=self.documents)
        starts = np.cumsum(counts) - counts
        before = np.zeros(len(self), np.intp)
        before[order] = np.arange(len(self)) - starts[self.document_of[order]]
        return before, counts[self.document_of] - before - 1

    def pair_owner(self) -> NDArray[np.intp]:
        """Return the passage of each pair: (m,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.pair_start))


def build_corpus(documents: Sequence[RecordedDocument], encoder: CachedEncoder, max_pairs: int) -> Corpus:
    """Cut, place and encode recorded documents as the service would.

    Parameters
    ----------
    max_pairs
        Pairs that the prompt asks for in one call; part of what a call costs. Recorded pairs beyond it
        are kept.
    """
    spans = encoder.cut([document.text for document in documents])
    identities = _identities(documents)
    texts: list[str] = []
    ids: list[str] = []
    document_of: list[int] = []
    held: list[list[tuple[str, str]]] = []
    for number, (document, cuts) in enumerate(zip(documents, spans, strict=True)):
        own = [document.text[start:end] for start, end in cuts]
        ids += [passage_id(identities[number], text, *cut) for text, cut in zip(own, cuts, strict=True)]
        texts += own
        document_of += [number] * len(own)
        held += _placed(document, own)
    pairs = [pair for of_passage in held for pair in of_passage]
    counts = np.array([len(of_passage) for of_passage in held], np.intp)
    pair_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    encoded = encoder.encode(texts)
    encoded_pairs = encoder.encode([pair_text(question, answer) for question, answer in pairs])
    output = np.concatenate([[0], np.cumsum(encoded_pairs.tokens + _PAIR_OVERHEAD)])
    prompt = prompt_for("", "", max_pairs)
    around = int((len(prompt.system) + len(prompt.user)) / _CHARACTERS_PER_TOKEN)
    return Corpus(
        documents=len(documents),
        doc_ids=identities,
        urls=[document.address for document in documents],
        sources=[document.source or _host(document.url or "") for document in documents],
        document_of=np.array(document_of, np.intp),
        passage_ids=ids,
        tokens=encoded.tokens,
        text_bytes=np.array([len(text.encode("utf-8", "surrogatepass")) for text in texts], np.int64),
        vectors=encoded.vectors,
        tokens_in=encoded.tokens + around,
        tokens_out=(output[pair_start[1:]] - output[pair_start[:-1]]).astype(np.int64) + _PAIR_OVERHEAD,
        pair_start=pair_start,
        pair_vectors=encoded_pairs.vectors.reshape(len(pairs), encoded.vectors.shape[1]),
        questions=[question for question, _ in pairs],
        answers=[answer for _, answer in pairs],
    )


def _identities(documents: Sequence[RecordedDocument]) -> list[str]:
    """Return a UUID for each document; recordings may hold several of one URL or id, in a crawl versions."""
    taken: set[str] = set()
    identities: list[str] = []
    for document in documents:
        identity = document.identity
        if identity in taken:  # what both have at the same place would be one passage, and bought once
            identity = doc_id(f"{document.address}\0{document.text}")
        taken.add(identity)
        identities.append(identity)
    return identities


def _placed(document: RecordedDocument, passages: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Return the pairs in each passage, every question once a document."""
    held: list[list[tuple[str, str]]] = [[] for _ in passages]
    if not passages:
        return held
    places = Places(passages)
    asked: set[str] = set()
    for pair in document.qa or ():
        key = normalise_question(pair.question)
        if key and key not in asked:
            asked.add(key)
            held[places.place(pair.question, pair.answer_text)].append((pair.question, pair.answer_text))
    return held


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") >= 2 else ""
