"""Mined hard negatives, and the batches they stand in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.alignment.batches import Batches
from equal_stream.alignment.neighbours import NOBODY, Neighbours


def world(seed: int, passages: int = 30, pairs_each: int = 3, topics: int = 4) -> Neighbours:
    """Passages in so many directions, with pairs around them."""
    rng = np.random.default_rng(seed)

    def unit(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    middles = rng.normal(size=(topics, 8))
    centres = unit(middles[rng.integers(topics, size=passages)] + 0.5 * rng.normal(size=(passages, 8)))
    owners = np.repeat(np.arange(passages), pairs_each)
    return Neighbours(centres, unit(centres[owners] + 0.5 * rng.normal(size=(len(owners), 8))), owners)


@given(st.integers(0, 500))
def test_no_hard_negative_is_of_the_same_passage_or_fits_as_well_as_the_own_pair(seed: int) -> None:
    neighbours = world(seed)
    passages, pairs, owners = neighbours.passages, neighbours.pairs, neighbours.owners
    for pair, row in enumerate(neighbours.hardest(10).tolist()):
        own = passages[owners[pair]] @ pairs[pair]
        fits = [passages[owners[pair]] @ pairs[other] for other in row if other != NOBODY]
        assert fits == sorted(fits, reverse=True)
        for other in row:
            if other == NOBODY:
                continue
            assert owners[other] != owners[pair]
            assert passages[owners[pair]] @ pairs[other] < own - 0.049 * abs(own)
            assert pairs[pair] @ pairs[other] < 0.951


def test_what_two_passages_say_alike_is_no_negative_of_either() -> None:
    axes = np.eye(3, dtype=np.float32)
    passages = np.stack([axes[0], axes[1], axes[2]])
    said = (axes[0] + axes[1]) / np.float32(np.sqrt(2))
    other = (axes[2] + 0.5 * axes[0]) / np.float32(np.sqrt(1.25))
    neighbours = Neighbours(passages, np.stack([said, said, other]), np.array([0, 1, 2]))
    assert neighbours.admissible(0, np.arange(3)).tolist() == [False, False, True]
    assert neighbours.hardest(2)[0].tolist() == [2, NOBODY]


def test_admission_is_mutual() -> None:
    neighbours = world(7)
    everyone = np.arange(len(neighbours.pairs))
    table = np.stack([neighbours.admissible(number, everyone) for number in everyone])
    np.testing.assert_array_equal(table, table.T)
    assert table.any()


@given(st.integers(0, 200), st.sampled_from([8, 16, 32]), st.sampled_from([1, 4, 8]))
def test_no_pair_comes_twice_in_an_epoch_and_no_passage_twice_in_a_batch(
    seed: int, size: int, group: int
) -> None:
    neighbours = world(seed)
    batches = list(Batches(neighbours, size, group, seed).epoch())
    numbers = [number for batch in batches for number in batch]
    assert len(set(numbers)) == len(numbers)
    for batch in batches:
        owners = neighbours.owners[batch].tolist()
        assert len(set(owners)) == len(owners)
        assert size / 4 <= len(batch) <= size
    assert len(numbers) >= len(neighbours.pairs) - size  # what is left out are a few at the end


def test_groups_bring_harder_wrong_answers_than_chance() -> None:
    neighbours = world(3, passages=200, pairs_each=1, topics=50)

    def hardness(group: int) -> float:
        found = []
        for batch in Batches(neighbours, 8, group, 0).epoch():
            fits = neighbours.passages[neighbours.owners[batch]] @ neighbours.pairs[batch].T
            allowed = np.stack([neighbours.admissible(number, np.array(batch)) for number in batch])
            found += np.where(allowed, fits, -1).max(1).tolist()
        return float(np.mean(found))

    assert hardness(4) > hardness(1) + 0.05


def test_epochs_differ_and_repeat_by_seed() -> None:
    batches, again = (Batches(world(1), 8, 4, 5) for _ in range(2))
    first, second = list(batches.epoch()), list(batches.epoch())
    assert first != second
    assert [first, second] == [list(again.epoch()), list(again.epoch())]


@pytest.mark.parametrize("count", [1, 200])
def test_few_pairs_have_rows_filled_with_nobody(count: int) -> None:
    assert world(0, passages=1).hardest(count).tolist() == [[NOBODY] * count] * 3
