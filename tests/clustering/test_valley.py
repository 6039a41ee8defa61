"""The valley criterion tells one topic from two, whatever the encoder does to the cosines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.clustering.valley import divide, shows_valley
from equal_stream.clustering.vectors import unit_rows

from .topics import mixture


def rows(topics, documents, shift=0.0, **options):
    vectors, label = mixture(topics, documents, **options)
    vectors[:, 0] += shift
    return unit_rows(vectors), label


@pytest.mark.parametrize("shift", [0.0, 2.0])
@pytest.mark.parametrize("dimension", [8, 48, 384])
def test_two_topics_are_told_apart(dimension, shift):
    vectors, label = rows(2, 120, dimension=dimension, shift=shift, seed=2)
    division = divide(vectors, np.random.default_rng(0))
    assert division.bimodal
    side = division.right_of(vectors)
    assert max(np.mean(side == label), np.mean(side != label)) > 0.98


@pytest.mark.parametrize("shift", [0.0, 2.0])
@pytest.mark.parametrize("dimension", [8, 48, 384])
def test_one_topic_is_left_whole(dimension, shift):
    found = [
        divide(
            rows(1, 120, dimension=dimension, shift=shift, seed=seed)[0], np.random.default_rng(seed)
        ).bimodal
        for seed in range(30)
    ]
    assert sum(found) <= 1


def test_a_wide_topic_without_a_gap_is_no_two_topics():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((400, 64))
    wide[:, 0] *= 12
    wide[:, 1] += 20
    division = divide(unit_rows(wide.astype(np.float32)), np.random.default_rng(1))
    assert not division.bimodal
    assert division.likeness(background=0.0) < 1


def test_a_topic_of_one_in_ten_is_found():
    vectors, label = rows(2, 600, seed=4)
    keep = (label == 0) | (np.cumsum(label == 1) <= 30)
    division = divide(vectors[keep], np.random.default_rng(0))
    assert division.bimodal


def test_likeness_is_one_for_halves_of_one_topic_and_low_for_two():
    one = divide(rows(1, 400, dimension=384)[0], np.random.default_rng(0))
    two = divide(rows(2, 400, dimension=384)[0], np.random.default_rng(0))
    assert one.likeness(background=0.0) > 0.97
    assert two.likeness(background=0.0) < 0.3


def test_copies_cannot_be_divided():
    assert divide(np.repeat(rows(1, 1)[0], 60, axis=0), np.random.default_rng(0)) is None


def test_neighbours_show_a_valley_only_if_they_are_two_topics():
    vectors, label = rows(2, 300, seed=1)
    assert shows_valley(vectors[label == 0], vectors[label == 1])
    one = vectors[label == 0]
    half = one @ (one[:40].mean(axis=0) - one.mean(axis=0))
    assert not shows_valley(one[half > np.median(half)], one[half <= np.median(half)])
    assert not shows_valley(one[:1], one[:1])


@settings(max_examples=50, deadline=None)
@given(size=st.integers(2, 60), dimension=st.integers(1, 5), kinds=st.integers(1, 4), seed=st.integers(0, 99))
def test_no_sample_breaks_it(size, dimension, kinds, seed):
    rng = np.random.default_rng(seed)
    vectors = unit_rows(rng.standard_normal((kinds, dimension)).astype(np.float32))[
        rng.integers(kinds, size=size)
    ]
    division = divide(vectors, rng)
    assert division is None or np.all(np.isfinite(division.left) & np.isfinite(division.right))
