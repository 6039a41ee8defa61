import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation import state as saved
from equal_stream.allocation.output_lengths import OutputLengths


def test_a_cluster_without_answers_is_expected_to_answer_as_all_do() -> None:
    lengths = OutputLengths(100.0)
    for _ in range(200):
        lengths.learn(1, 40)
    assert lengths.means([2])[0] == pytest.approx(40, rel=0.05)


def test_a_cluster_whose_answers_are_long_is_told_from_the_others() -> None:
    lengths = OutputLengths(100.0)
    for _ in range(50):
        lengths.learn(1, 400)
        lengths.learn(2, 20)
    long, short = lengths.means([1, 2])
    assert long > 300
    assert short < 60


def test_what_a_forgotten_cluster_showed_does_not_reach_the_one_that_takes_its_place() -> None:
    lengths = OutputLengths(100.0)
    for _ in range(50):
        lengths.learn(1, 400)
    lengths.forget(1)
    untouched = lengths.means([7])[0]
    lengths.inherit(8, 7)
    assert lengths.means([8])[0] == untouched
    lengths.learn(9, 1)
    assert lengths.means([9])[0] < untouched


def test_a_merged_cluster_counts_for_its_survivor_and_a_child_has_half_of_its_parent() -> None:
    lengths = OutputLengths(100.0)
    for cluster in (1, 2):
        for _ in range(6):
            lengths.learn(cluster, 400)
    lengths.inherit(3, 1)
    child, parent = lengths.means([3, 1])
    lengths.merge(1, 2)
    merged, unknown = lengths.means([1, 2])
    assert unknown < child < parent < merged


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["learn", "inherit", "merge", "forget"]), st.integers(1, 6), st.integers(1, 6)
        ),
        max_size=40,
    )
)
def test_a_restored_state_goes_on_alike(steps: list[tuple[str, int, int]]) -> None:
    first, second = OutputLengths(50.0), OutputLengths(50.0)
    for step, one, other in steps:
        getattr(first, step)(*((one,) if step == "forget" else (one, other)))
    second.load_state(saved.load(saved.dump(first.to_state())))
    for lengths in (first, second):
        lengths.learn(3, 70)
        lengths.inherit(6, 3)
        lengths.merge(2, 3)
    assert first.means(range(8)).tolist() == second.means(range(8)).tolist()
