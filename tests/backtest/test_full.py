from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation.pairs import NEAR_COPY, question_key
from equal_stream.backtest import full
from equal_stream.backtest.full import full_extraction
from equal_stream.backtest.worlds import failing_sources, noisy_yields

from . import scenery


def by_hand(scene):
    """Pair by pair, in order, with plain loops."""
    corpus = scene.corpus
    asked, kept = set(), []
    for passage in range(len(corpus)):
        for pair in [] if scene.failing[passage] else scene.pairs(passage):
            key = question_key(corpus.questions[pair])
            if key in asked:
                continue
            asked.add(key)
            if all(corpus.pair_vectors[pair] @ corpus.pair_vectors[other] < NEAR_COPY for other in kept):
                kept.append(pair)
    return kept


def test_all_pairs_are_published_where_none_repeats_another():
    scene = scenery.scene()
    assert full_extraction(scene).tolist() == list(range(len(scene.corpus.questions)))


@given(copies=st.lists(st.tuples(st.integers(0, 47), st.integers(0, 47), st.booleans()), max_size=30))
@settings(max_examples=60, deadline=None)
def test_repetitions_are_left_out_as_one_by_one(copies):
    scene = scenery.scene(documents=12)
    questions, vectors = list(scene.corpus.questions), scene.corpus.pair_vectors.copy()
    for one, other, in_words in copies:
        if in_words:
            questions[one] = questions[other]
        else:
            vectors[one] = scenery.around(vectors[other : other + 1], 0.2, np.random.default_rng(one))[0]
    scene = replace(scene, corpus=replace(scene.corpus, questions=questions, pair_vectors=vectors))
    assert full_extraction(scene).tolist() == by_hand(scene)


def test_it_is_the_same_however_the_pairs_fall_into_blocks(monkeypatch):
    scene = scenery.scene()
    vectors = scene.corpus.pair_vectors.copy()
    vectors[1::9] = vectors[0]
    scene = replace(scene, corpus=replace(scene.corpus, pair_vectors=vectors))
    monkeypatch.setattr(full, "_BLOCK", 7)
    assert full_extraction(scene).tolist() == by_hand(scene)


def test_what_is_not_found_and_what_fails_is_not_there():
    scene = noisy_yields(failing_sources(scenery.scene()))
    published = full_extraction(scene)
    assert 0 < len(published) < 60
    assert scene.found[published].all()
    assert not scene.failing[scene.corpus.pair_owner()[published]].any()
    assert published.tolist() == by_hand(scene)


def test_nothing_recorded_is_nothing_extracted():
    scene = scenery.scene()
    empty = replace(scene, corpus=scenery.without_pairs(scene.corpus), found=np.zeros(0, bool))
    assert full_extraction(empty).tolist() == []
