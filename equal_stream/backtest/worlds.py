"""Worlds on top of recorded data, each a seeded change of a scene.

Real crawls are worse than recordings: pages that look right hold nothing, sources fail, sites copy each
other, answers come late, prices move and crowds arrive at once.
"""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.scene import Scene
from equal_stream.errors import ConfigurationError

_LOOK_ALIKES = 6  # clusters nearest to the target, of which a fraction yields nothing
_NEAREST = 5  # references whose mean similarity says how near a passage is


def decoys(scene: Scene, clusters: NDArray[np.int64], fraction: float) -> Scene:
    """Let a fraction of the six clusters most similar to the first target yield nothing.

    A small crawl may have fewer than six, or one alone: one stays as it is unless the fraction is 1.

    Their calls are billed as recorded, as when pairs are written and no gate lets them through.

    Parameters
    ----------
    clusters
        (n,) the cluster of each passage.
    fraction
        0 to 1; three of the six at one half.
    """
    goal = scene.goals[0]
    references = goal.vectors[goal.seen]
    similar = scene.corpus.vectors @ references.T
    nearest = min(_NEAREST, len(references))
    near = np.sort(similar, axis=1)[:, -nearest:].mean(axis=1)
    ids = np.unique(clusters)
    means = np.array([near[clusters == each].mean() for each in ids])
    look_alikes = ids[np.argsort(-means)[:_LOOK_ALIKES]]
    count = int(fraction * len(look_alikes) + 0.5)
    if fraction < 1:
        count = min(count, len(look_alikes) - 1)
    chosen = _rng(scene, 11).permutation(look_alikes)[:count]
    empty = np.isin(clusters, chosen)
    return replace(scene, found=scene.found & ~empty[scene.corpus.pair_owner()])


def noisy_yields(scene: Scene, share: float = 0.5) -> Scene:
    """Let extraction overlook a share of all pairs, at random."""
    return replace(scene, found=scene.found & (_rng(scene, 12).random(len(scene.found)) >= share))


def failing_sources(scene: Scene, share: float = 0.3) -> Scene:
    """Let every call for a share of the sources, one at least, be billed and bring nothing usable.

    Raises
    ------
    ConfigurationError
        All documents are of one source.
    """
    sources = sorted(set(scene.corpus.sources))
    if len(sources) < 2:
        raise ConfigurationError(
            "the world failing-sources needs documents of two or more sources: fields `source` or `url`"
        )
    count = max(1, round(share * len(sources)))
    failing = set(_rng(scene, 13).permutation(np.array(sources))[:count].tolist())
    of_document = np.array([source in failing for source in scene.corpus.sources])
    return replace(scene, failing=scene.failing | of_document[scene.corpus.document_of])


def duplicated_sites(scene: Scene, share: float = 0.2) -> Scene:
    """Add copies of a share of all passages, slightly changed, as mirrors and syndication make them."""
    rng = _rng(scene, 14)
    corpus = scene.corpus
    copied = np.sort(rng.permutation(len(corpus))[: round(share * len(corpus))]).astype(np.intp)
    doubled = _with_copies(corpus, copied, rng)
    originals = {int(row): len(corpus) + place for place, row in enumerate(copied)}
    ticks = [
        np.concatenate([rows, [originals[int(row)] for row in rows if int(row) in originals]]).astype(np.intp)
        for rows in scene.ticks
    ]
    return replace(
        scene,
        corpus=doubled,
        found=np.concatenate([scene.found, scene.found[_pairs_of(corpus, copied)]]),
        failing=np.concatenate([scene.failing, scene.failing[copied]]),
        ticks=ticks,
    )


def price_change(scene: Scene, factor: float = 4.0) -> Scene:
    """Let output tokens cost several times as much from the middle on.

    Raises
    ------
    ConfigurationError
        Everything arrives at once.
    """
    _require_time(scene, "price-change")
    wordiness = scene.wordiness.copy()
    wordiness[len(wordiness) // 2 :] *= factor
    return replace(scene, wordiness=wordiness)


def delayed(scene: Scene, batches: int = 8) -> Scene:
    """Let every result come so many batches late."""
    return replace(scene, delay=batches)


def bursts(scene: Scene) -> Scene:
    """Let the same documents arrive in the same order, most of them in a few ticks.

    Raises
    ------
    ConfigurationError
        Everything arrives at once.
    """
    _require_time(scene, "bursts")
    order = np.concatenate(scene.ticks)
    shares = _rng(scene, 15).pareto(1.0, len(scene.ticks)) + 0.01
    ends = np.round(np.cumsum(shares) / shares.sum() * len(order)).astype(int)
    return replace(scene, ticks=[part.astype(np.intp) for part in np.split(order, ends[:-1])])


WORLDS: dict[str, Callable[[Scene], Scene]] = {
    "noisy-yields": noisy_yields,
    "failing-sources": failing_sources,
    "duplicated-sites": duplicated_sites,
    "price-change": price_change,
    "delayed": delayed,
    "bursts": bursts,
}


def _require_time(scene: Scene, world: str) -> None:
    if len(scene.ticks) < 2:
        raise ConfigurationError(f"the world {world} needs documents that arrive over time: arrival stream")


def _rng(scene: Scene, stream: int) -> np.random.Generator:
    return np.random.default_rng([scene.seed, stream])


def _pairs_of(corpus: Corpus, passages: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.array([row for passage in passages for row in corpus.pairs(int(passage))], np.intp)


def _with_copies(corpus: Corpus, copied: NDArray[np.intp], rng: np.random.Generator) -> Corpus:
    pairs = _pairs_of(corpus, copied)
    counts = np.diff(corpus.pair_start)[copied]
    ends = corpus.pair_start[-1] + np.cumsum(counts)
    return replace(
        corpus,
        passage_ids=corpus.passage_ids
        + [str(uuid5(UUID(corpus.passage_ids[row]), f"copy {len(corpus)}")) for row in copied],
        document_of=np.concatenate([corpus.document_of, corpus.document_of[copied]]),
        tokens=np.concatenate([corpus.tokens, corpus.tokens[copied]]),
        text_bytes=np.concatenate([corpus.text_bytes, corpus.text_bytes[copied]]),
        vectors=np.concatenate([corpus.vectors, _perturbed(corpus.vectors[copied], rng)]),
        tokens_in=np.concatenate([corpus.tokens_in, corpus.tokens_in[copied]]),
        tokens_out=np.concatenate([corpus.tokens_out, corpus.tokens_out[copied]]),
        pair_start=np.concatenate([corpus.pair_start, ends]).astype(np.intp),
        pair_vectors=np.concatenate([corpus.pair_vectors, _perturbed(corpus.pair_vectors[pairs], rng)]),
        questions=corpus.questions + [corpus.questions[row] for row in pairs],
        answers=corpus.answers + [corpus.answers[row] for row in pairs],
    )


def _perturbed(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.standard_normal(vectors.shape).astype(np.float32) / np.float32(np.sqrt(vectors.shape[1]))
    moved = vectors + np.float32(0.1) * noise  # a cosine of 0.995 to the original
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)
