"""What a passage will probably cover, with each learned part in use or left out."""

from dataclasses import replace

import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.passage_forms import PassageForms
from equal_stream.allocation.policy.ingredients import NONE_LEARNED, Ingredients
from equal_stream.allocation.prediction import Prediction
from equal_stream.allocation.targets import Targets

from .world import unit

DIMENSION = 16


def forms(tokens=150, count=1):
    site, alone = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
    return PassageForms(np.full(count, tokens, np.int32), site, site, alone, alone)


def coverage():
    rng = np.random.default_rng(0)
    targets = Targets(DIMENSION)
    for number in range(8):
        targets.set(
            "target", str(number), unit(np.eye(DIMENSION)[0] + 0.2 * rng.standard_normal(DIMENSION)), 1
        )
    return Coverage(targets)


NEAR, FAR = unit(np.eye(DIMENSION)[0]), unit(np.eye(DIMENSION)[5])


def test_the_floor_tells_useless_passages_apart_and_leaving_it_out_makes_them_all_nothing():
    plain, floored = (
        Prediction(coverage(), each) for each in (NONE_LEARNED, replace(NONE_LEARNED, floor=True))
    )
    assert plain.expected(FAR[None], forms()).sum() == 0
    assert floored.expected(FAR[None], forms()).sum() > 0
    assert floored.expected(NEAR[None], forms()).sum() > 20 * floored.expected(FAR[None], forms()).sum()


def test_empty_answers_lower_what_is_expected_of_passages_like_theirs():
    rng = np.random.default_rng(1)
    prediction = Prediction(coverage(), Ingredients(head=False))
    before = prediction.expected(NEAR[None], forms()).sum()
    for number in range(60):
        empty = number % 2 == 0
        vector = unit((NEAR if empty else FAR) + 0.2 * rng.standard_normal(DIMENSION))
        prediction.count(vector[None], forms(150), 0 if empty else 4)
    prediction.refit()
    assert prediction.expected(NEAR[None], forms()).sum() < 0.5 * before


def test_nothing_is_learned_where_learning_is_left_out():
    prediction = Prediction(coverage(), NONE_LEARNED)
    before = prediction.expected(np.array([NEAR, FAR]), forms(count=2))
    for _ in range(100):
        prediction.count(NEAR[None], forms(150), 0)
        prediction.learn(NEAR[None], np.array([FAR]))
    prediction.refit()
    np.testing.assert_array_equal(prediction.expected(np.array([NEAR, FAR]), forms(count=2)), before)


def test_a_head_that_predicts_better_comes_into_use_and_says_that_predictions_changed():
    rng = np.random.default_rng(2)
    prediction = Prediction(coverage(), Ingredients(yields=False))
    assert not prediction.take_changed()
    changes = 0
    for _ in range(200):  # passages that look useless, whose pairs are just what is wanted
        passage = unit(FAR + 0.1 * rng.standard_normal(DIMENSION))
        prediction.learn(passage[None], np.array([unit(NEAR + 0.1 * rng.standard_normal(DIMENSION))]))
        prediction.refit()
        changes += prediction.take_changed()
    assert prediction.head.in_use
    assert 1 <= changes < 20
    assert prediction.expected(FAR[None], forms()).sum() > 1.0


def test_a_head_fitted_on_nonsense_stays_out_of_use():
    rng = np.random.default_rng(3)
    prediction = Prediction(coverage(), Ingredients(yields=False))
    for _ in range(300):
        noise = unit(rng.standard_normal(DIMENSION))
        prediction.learn(unit(rng.standard_normal(DIMENSION))[None], np.array([noise]))
        prediction.refit()
    shown = prediction.expected(NEAR[None], forms()).sum()
    plain = Prediction(coverage(), Ingredients(yields=False, head=False)).expected(NEAR[None], forms()).sum()
    assert 0.7 * plain < shown < 1.4 * plain


def test_a_restored_prediction_goes_on_exactly():
    rng = np.random.default_rng(4)
    first = Prediction(coverage(), Ingredients())
    for number in range(70):
        vectors = unit(rng.standard_normal(DIMENSION))[None]
        first.count(vectors, forms(100 + number), number % 3)
        first.learn(vectors, np.array([NEAR] * (number % 3)))
        first.refit()
    second = Prediction(coverage(), Ingredients())
    second.load_state(saved.load(saved.dump(first.to_state())))
    for each in (first, second):
        each.count(FAR[None], forms(80), 1)
        each.learn(FAR[None], np.array([NEAR]))
        each.refit()
    vectors = np.array([NEAR, FAR])
    np.testing.assert_array_equal(
        first.expected(vectors, forms(count=2)), second.expected(vectors, forms(count=2))
    )
    assert first.take_changed() == second.take_changed()


def test_the_spread_is_learned_from_where_pairs_lie_and_says_that_predictions_changed():
    prediction = Prediction(coverage(), Ingredients(yields=False, head=False))
    before = prediction.expected(NEAR[None], forms()).sum()
    for _ in range(40):  # pairs that lie nowhere near
        prediction.learn(NEAR[None], np.array([FAR]))
        prediction.refit()
    assert prediction.take_changed()
    assert prediction.expected(NEAR[None], forms()).sum() < 0.6 * before
