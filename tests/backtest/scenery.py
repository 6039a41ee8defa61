"""Small synthetic crawls as arrays: topics are directions, passages and pairs lie around them."""

from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from equal_stream.allocation.policy.registry import POLICIES
from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.replay import cluster_arrivals, replay
from equal_stream.backtest.scene import Target, make_scene
from equal_stream.backtest.study import Plan, make_policy_of, stage_of

DIMENSION = 32
EVERY_POLICY = [*POLICIES, "oracle"]


def corpus(documents=24, topics=4, passages=2, pairs=2, seed=0):
    """Documents of one topic each, in turn; every passage holds so many pairs."""
    rng = np.random.default_rng([seed, 1])
    n, m = documents * passages, documents * passages * pairs
    of_document = np.repeat(np.arange(documents), passages)
    topic = np.arange(documents) % topics
    vectors = around(centres(topics, seed)[topic[of_document]], 0.6, rng)
    of_passage = np.repeat(np.arange(n), pairs)
    pair_vectors = around(vectors[of_passage], 0.5, rng)
    tokens = rng.integers(60, 200, n)
    return Corpus(
        documents=documents,
        doc_ids=[str(uuid5(NAMESPACE_URL, f"document {number}")) for number in range(documents)],
        urls=[f"https://site-{number % 5}.example/{number}" for number in range(documents)],
        sources=[f"site-{number % 5}.example" for number in range(documents)],
        document_of=of_document.astype(np.intp),
        passage_ids=[str(uuid5(NAMESPACE_URL, f"passage {number}")) for number in range(n)],
        tokens=tokens,
        text_bytes=tokens * 4,
        vectors=vectors,
        tokens_in=tokens + 150,
        tokens_out=(40 + 60 * pairs + rng.integers(0, 40, n)).astype(np.int64),
        pair_start=np.arange(n + 1, dtype=np.intp) * pairs,
        pair_vectors=pair_vectors.reshape(m, DIMENSION),
        questions=[
            f"what does topic{topic[of_document[p]]} say of item{i}" for i, p in enumerate(of_passage)
        ],
        answers=[f"fact{i % 7} of topic{topic[of_document[p]]}" for i, p in enumerate(of_passage)],
    )


def target(topic=0, references=12, topics=4, seed=0, split=0):
    """References of one topic, half of them seen."""
    rng = np.random.default_rng([seed, 2, topic])
    vectors = around(np.repeat(centres(topics, seed)[topic : topic + 1], references, axis=0), 0.6, rng)
    texts = [
        (f"what of topic{topic} is fact{i % 7}", f"fact{i % 7} of topic{topic}") for i in range(references)
    ]
    return Target.split(f"topic{topic}", texts, vectors, split)


def scene(arrival="all", ticks=6, seed=0, **shape):
    """The synthetic crawl with the first topic as its target."""
    return make_scene(corpus(**shape), target(topics=shape.get("topics", 4)), arrival, ticks=ticks, seed=seed)


def play(played, policy, **options):
    """What a policy, or the one of a name, buys in a scene."""
    chosen = make_policy_of(policy, played, 0.1) if isinstance(policy, str) else policy
    return replay(played, chosen, cluster_arrivals(played), **options)


def judged(played, policy, judges=("coverage", "words"), **plan):
    """The curve of a policy in a scene."""
    stage = stage_of(played, cluster_arrivals(played), judges)
    chosen = make_policy_of(policy, played, 0.1) if isinstance(policy, str) else policy
    return stage.play(chosen, Plan(policies=(), **plan))[1]


def without_pairs(crawl):
    """The same crawl with nothing in it."""
    return replace(
        crawl,
        pair_start=np.zeros(len(crawl) + 1, np.intp),
        pair_vectors=np.zeros((0, DIMENSION), np.float32),
        questions=[],
        answers=[],
    )


def centres(topics, seed=0):
    """One direction a topic, far from each other: (topics, d)."""
    return unit(np.random.default_rng([seed, 0]).standard_normal((topics, DIMENSION)))


def around(vectors, spread, rng):
    """Unit vectors scattered around those given."""
    noise = rng.standard_normal(vectors.shape) / np.sqrt(vectors.shape[1])
    return unit(vectors + spread * noise)


def unit(vectors):
    """Rows scaled to length 1, as float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
