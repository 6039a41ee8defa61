"""Pairs to expect of a passage are learned from its vector and its length."""

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.passage_yields import PassageYields

from .world import unit

DIMENSION = 32
RNG = np.random.default_rng(0)
FULL, EMPTY = (unit(RNG.standard_normal(DIMENSION)) for _ in range(2))


def around(centre, rng, noise=0.4):
    return unit(centre + noise * rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION))


def taught(answers=60, seed=1, tokens=lambda pairs, rng: 150):
    """Passages around one direction bring four pairs, those around another none."""
    rng = np.random.default_rng(seed)
    model = PassageYields(DIMENSION)
    for number in range(answers):
        pairs = 4 if number % 2 else 0
        model.learn(around(FULL if pairs else EMPTY, rng), tokens(pairs, rng), pairs)
    model.refit()
    return model


def factors(model, vectors, tokens=150):
    return model.factors(np.array(vectors), np.full(len(vectors), tokens, np.int32))


def test_without_an_answer_every_passage_counts_alike():
    assert factors(PassageYields(DIMENSION), [FULL, EMPTY]).tolist() == [1.0, 1.0]


def test_passages_like_those_that_brought_pairs_are_expected_to_bring_more():
    full, empty = factors(taught(), [FULL, EMPTY])
    assert full > 1.5
    assert empty < 0.5


def test_a_passage_unlike_all_others_is_expected_to_bring_about_the_mean():
    far = unit(RNG.standard_normal(DIMENSION))
    assert 0.5 < factors(taught(), [far])[0] < 1.5


def test_a_crawl_whose_passages_bring_the_same_is_left_alone():
    rng = np.random.default_rng(2)
    model = PassageYields(DIMENSION)
    for _ in range(80):
        model.learn(around(FULL, rng), 150, 2)
    model.refit()
    np.testing.assert_allclose(factors(model, [FULL, EMPTY]), 1.0, atol=1e-3)


def test_length_tells_where_vectors_do_not():
    rng = np.random.default_rng(3)
    model = PassageYields(DIMENSION)
    for number in range(200):
        model.learn(around(FULL, rng), 250 if number % 2 else 60, 4 if number % 2 else 0)
        model.refit()
    long, short = (factors(model, [FULL], tokens)[0] for tokens in (250, 60))
    assert long > 1.1 * short


def test_one_page_with_a_hundred_pairs_does_not_outweigh_all_others():
    usual, with_outlier = taught(), taught()
    with_outlier.learn(EMPTY, 150, 100)
    for _ in range(8):
        with_outlier.learn(EMPTY, 150, 0)
    with_outlier.refit()
    assert factors(with_outlier, [FULL])[0] > 0.6 * factors(usual, [FULL])[0]


def test_what_changed_in_the_crawl_is_learned_anew():
    rng = np.random.default_rng(4)
    model = taught()
    for number in range(512):
        pairs = 0 if number % 2 else 4
        model.learn(around(FULL if number % 2 else EMPTY, rng), 150, pairs)
        model.refit()
    full, empty = factors(model, [FULL, EMPTY])
    assert empty > full


def test_factors_stay_between_a_twentieth_and_four():
    model = taught(answers=400)
    vectors = [unit(RNG.standard_normal(DIMENSION)) for _ in range(200)] + [FULL, EMPTY]
    raised = factors(model, vectors)
    assert (raised >= np.float32(0.05)).all()
    assert (raised <= np.float32(4.0)).all()


def test_it_is_fitted_when_enough_answers_came_and_not_with_every_one():
    model = PassageYields(DIMENSION)
    fits = 0
    for number in range(300):
        model.learn(FULL, 150, number % 3)
        fits += model.refit()
    assert 10 < fits < 40


def test_a_restored_model_goes_on_exactly():
    model = taught(answers=45)
    for number in range(5):
        model.learn(FULL, 100 + number, number)
    copy = PassageYields(DIMENSION)
    copy.load_state(saved.load(saved.dump(model.to_state())))
    for each in (model, copy):
        for number in range(20):
            each.learn(EMPTY, 90, number % 2)
            each.refit()
    np.testing.assert_array_equal(factors(model, [FULL, EMPTY]), factors(copy, [FULL, EMPTY]))


def test_copies_of_one_passage_do_not_break_the_fit():
    model = PassageYields(DIMENSION)
    for number in range(600):
        model.learn(FULL, 150, number % 2)
    assert model.refit()
    assert np.isfinite(factors(model, [FULL, EMPTY])).all()
