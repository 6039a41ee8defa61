"""Recorded pairs of three topics, and references of one of them."""

import numpy as np

from equal_stream.backtest.judges.base import Judged

TOPICS = {
    "cooking": ["simmer the onions in butter until golden", "whisk eggs with flour and cold milk"],
    "code": ["find . -name '*.py' | xargs grep -n import", "ls -l /var/log | sort -k 5 | tail"],
    "中文": ["荷蘭東印度公司從巴達維亞調來援軍", "漢字是世界上最古老的文字之一"],
}


def sentences(topic, count, rng):
    """Questions and answers that mix the words of a topic's two sentences."""
    made = []
    for _ in range(count):
        one, other = rng.permutation(TOPICS[topic])
        cut = int(rng.integers(3, len(one) - 3))
        made.append((str(one[:cut]), str(other[cut - 3 :])))
    return made


def judged(topic="cooking", each=12, references=6, seed=0):
    """A recording of three topics, `each` pairs a topic, judged on references of one topic."""
    rng = np.random.default_rng(seed)
    pairs = [pair for name in TOPICS for pair in sentences(name, each, rng)]
    centres = np.repeat(np.eye(8, dtype=np.float32)[: len(TOPICS)], each, axis=0)
    place = list(TOPICS).index(topic)
    return Judged(
        questions=[question for question, _ in pairs],
        answers=[answer for _, answer in pairs],
        vectors=_unit(centres + 0.1 * rng.standard_normal(centres.shape)),
        references=sentences(topic, references, rng),
        reference_vectors=_unit(np.eye(8)[[place] * references] + 0.1 * rng.standard_normal((references, 8))),
        background=_unit(rng.standard_normal((200, 8))),
    )


def rows(topic, each=12):
    """The rows of a topic's pairs."""
    place = list(TOPICS).index(topic)
    return list(range(place * each, (place + 1) * each))


def _unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
