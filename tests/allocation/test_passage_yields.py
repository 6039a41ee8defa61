"""Pairs to expect of a passage are learned from what it says, its length, its place and its site."""

import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.passage_forms import PassageForms, site_of
from equal_stream.allocation.passage_yields import PassageYields

from .world import unit

DIMENSION = 32
RNG = np.random.default_rng(0)
FULL, EMPTY = (unit(RNG.standard_normal(DIMENSION)) for _ in range(2))


def around(centre, rng, noise=0.4):
    return unit(centre + noise * rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION))


def forms(tokens, before=0, after=0, url="https://a.example/", count=1):
    site = (np.full(count, number, np.uint32) for number in site_of(url))
    places = (np.full(count, place, np.uint8) for place in (before, after))
    return PassageForms(np.full(count, tokens, np.int32), *site, *places)


def tell(model, vector, tokens, pairs, **form):
    model.learn(vector[None], forms(tokens, **form), pairs)


def taught(answers=60, seed=1, tokens=lambda pairs, rng: 150):
    """Passages around one direction bring four pairs, those around another none."""
    rng = np.random.default_rng(seed)
    model = PassageYields(DIMENSION)
    for number in range(answers):
        pairs = 4 if number % 2 else 0
        tell(model, around(FULL if pairs else EMPTY, rng), tokens(pairs, rng), pairs)
    model.refit()
    return model


def factors(model, vectors, tokens=150, **form):
    return model.factors(np.array(vectors), forms(tokens, **form, count=len(vectors)))


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
        tell(model, around(FULL, rng), 150, 2)
    model.refit()
    np.testing.assert_allclose(factors(model, [FULL, EMPTY]), 1.0, atol=1e-3)


def test_length_tells_where_vectors_do_not():
    rng = np.random.default_rng(3)
    model = PassageYields(DIMENSION)
    for number in range(200):
        tell(model, around(FULL, rng), 250 if number % 2 else 60, 4 if number % 2 else 0)
        model.refit()
    long, short = (factors(model, [FULL], tokens)[0] for tokens in (250, 60))
    assert long > 1.1 * short


def test_the_place_in_the_document_tells_where_vectors_do_not():
    rng = np.random.default_rng(5)
    model = PassageYields(DIMENSION)
    for number in range(100):
        before = number % 10
        tell(model, around(FULL, rng), 150, 4 if before == 9 else 0, before=before, after=9 - before)
    model.refit()
    last, middle = (factors(model, [FULL], before=before, after=9 - before)[0] for before in (9, 5))
    assert last > 2
    assert middle < 0.5
    assert factors(model, [FULL], before=30, after=0)[0] > 1.5 * factors(model, [FULL], before=28, after=2)[0]


def test_the_pages_of_a_site_are_expected_to_bring_alike():
    rng = np.random.default_rng(6)
    model = PassageYields(DIMENSION)
    for number in range(60):
        empty = number % 2 == 0
        url = f"https://{'empty' if empty else 'full'}.example/{number}"
        tell(model, around(FULL, rng), 150, 0 if empty else 4, url=url)
    model.refit()
    far = unit(RNG.standard_normal(DIMENSION))
    full, empty = (factors(model, [far], url=f"https://{name}.example/x")[0] for name in ("full", "empty"))
    assert full > 1.3
    assert empty < 0.7


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x/1", "https://a.example/x/2", (True, True)),
        ("https://a.example/x/1", "https://a.example/y/1", (True, False)),
        ("https://a.example/x", "https://a.example/", (True, True)),
        ("https://a.example/x/1", "https://b.example/x/1", (False, False)),
        ("urn:document:a:1", "urn:document:a:2", (True, True)),
        ("urn:document:a:1", "urn:document:b:1", (True, False)),
        ("urn:document:a:1", "urn:isbn:1", (False, False)),
    ],
)
def test_a_url_names_a_site_and_a_section_of_it(one, other, same):
    assert tuple(a == b for a, b in zip(site_of(one), site_of(other), strict=True)) == same


def test_a_url_that_is_none_has_a_site_too():
    assert [len(site_of(url)) for url in ("", "x", "://", "a:", "\ud800")] == [2] * 5


def test_places_beyond_those_that_are_told_apart_count_as_far():
    model = taught()
    far = factors(model, [FULL], before=31, after=31)
    np.testing.assert_array_equal(far, factors(model, [FULL], before=255, after=200))


def test_one_page_with_a_hundred_pairs_does_not_outweigh_all_others():
    usual, with_outlier = taught(), taught()
    tell(with_outlier, EMPTY, 150, 100)
    for _ in range(8):
        tell(with_outlier, EMPTY, 150, 0)
    with_outlier.refit()
    assert factors(with_outlier, [FULL])[0] > 0.6 * factors(usual, [FULL])[0]


def test_what_changed_in_the_crawl_is_learned_anew():
    rng = np.random.default_rng(4)
    model = taught()
    for number in range(512):
        pairs = 0 if number % 2 else 4
        tell(model, around(FULL if number % 2 else EMPTY, rng), 150, pairs)
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
        tell(model, FULL, 150, number % 3)
        fits += model.refit()
    assert 10 < fits < 40


def test_a_restored_model_goes_on_exactly():
    model = taught(answers=45)
    for number in range(5):
        tell(model, FULL, 100 + number, number)
    copy = PassageYields(DIMENSION)
    copy.load_state(saved.load(saved.dump(model.to_state())))
    for each in (model, copy):
        for number in range(20):
            tell(each, EMPTY, 90, number % 2)
            each.refit()
    np.testing.assert_array_equal(factors(model, [FULL, EMPTY]), factors(copy, [FULL, EMPTY]))


def test_copies_of_one_passage_do_not_break_the_fit():
    model = PassageYields(DIMENSION)
    for number in range(600):
        tell(model, FULL, 150, number % 2)
    assert model.refit()
    assert np.isfinite(factors(model, [FULL, EMPTY])).all()
