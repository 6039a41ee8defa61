import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation.background import Background
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.targets import Targets

from .world import unit

D = 8
E = np.eye(D, dtype=np.float32)


def table(*references):
    """A coverage over (target, vector, weight) with the prior threshold."""
    coverage = Coverage(Targets(D))
    for number, (target, vector, weight) in enumerate(references):
        coverage.targets.set(target, str(number), vector, weight)
    coverage.targets.settle_thresholds(Background(D, np.random.default_rng(0)))
    coverage.recount([])
    return coverage


def test_a_perfect_match_covers_by_one_and_what_lies_below_the_threshold_by_nothing():
    coverage = table(("t", E[0], 1.0))
    near, far = unit(E[0] + 4 * E[1]), E[1]
    assert coverage.kernel(np.stack([E[0], near, far]))[:, 0].tolist() == pytest.approx([1, 0, 0])


def test_below_the_threshold_a_passage_keeps_a_little_that_falls_with_distance():
    coverage = table(("t", E[0], 1.0))
    at = [unit(0.28 * E[0] + 0.96 * E[1]), unit(0.1 * E[0] + 0.995 * E[1]), E[1]]
    values = coverage.expected(np.stack(at))[:, 0]
    assert 0.01 > values[0] > values[1] > values[2] > 0


def test_gain_is_the_weighted_growth_of_log_coverage_and_gets_less_each_time():
    coverage = table(("t", E[0], 1.0), ("t", E[1], 1.0))
    gains = [coverage.credit(E[0])["t"] for _ in range(3)]
    assert gains == pytest.approx([np.log(2) / 2, np.log(3 / 2) / 2, np.log(4 / 3) / 2])
    assert coverage.values()["t"] == pytest.approx(sum(gains))
    assert coverage.touched()["t"] == 0.5


def test_targets_count_alike_however_many_references_they_have():
    coverage = table(("one", E[0], 1.0), *[("many", E[1], 1.0)] * 4)
    assert coverage.credit(E[0])["one"] == pytest.approx(coverage.credit(E[1])["many"])


def test_doubling_all_weights_of_a_target_doubles_its_say():
    coverage = table(("light", E[0], 1.0), ("heavy", E[1], 2.0))
    assert coverage.credit(E[1])["heavy"] == pytest.approx(2 * coverage.credit(E[0])["light"])


def test_one_pair_may_serve_several_targets():
    coverage = table(("a", E[0], 1.0), ("b", unit(E[0] + 0.2 * E[1]), 1.0))
    assert set(coverage.credit(E[0])) == {"a", "b"}


def test_predicted_gain_of_a_passage_equals_the_gain_when_it_comes_true():
    coverage = table(("t", E[0], 1.0), ("t", unit(E[0] + E[1]), 3.0))
    coverage.credit(unit(E[0] + 0.5 * E[2]))
    vector = unit(E[0] + 0.3 * E[1])
    predicted = coverage.gains(coverage.kernel(vector[None]))[0]
    assert coverage.credit(vector)["t"] == pytest.approx(predicted, rel=1e-5)


def test_what_is_pending_lowers_what_more_of_the_same_would_add():
    coverage = table(("t", E[0], 1.0))
    added = coverage.kernel(E[:1])
    assert coverage.gains(added, np.array([1.0])) < 0.6 * coverage.gains(added)


vectors = st.lists(
    st.lists(st.floats(-1, 1), min_size=D, max_size=D)
    .map(lambda v: np.array(v, np.float32))
    .filter(lambda v: np.linalg.norm(v) > 0.1)
    .map(unit),
    min_size=1,
    max_size=12,
)


@given(vectors, vectors)
@settings(deadline=None)
def test_withdrawn_pairs_give_back_exactly_what_they_brought(kept, withdrawn):
    coverage = table(("t", E[0], 1.0), ("t", E[1], 0.5), ("u", unit(E[0] + E[1]), 1.0))
    for vector in kept:
        coverage.credit(vector)
    before = coverage.targets.covered.copy()
    for vector in withdrawn:
        coverage.credit(vector)
    coverage.give_back(np.stack(withdrawn))
    assert coverage.targets.covered == pytest.approx(before, abs=1e-5)


@given(vectors)
@settings(deadline=None)
def test_a_recount_finds_what_crediting_one_by_one_had_found(pairs):
    coverage = table(("t", E[0], 1.0), ("u", E[1], 1.0))
    for vector in pairs:
        coverage.credit(vector)
    before = coverage.targets.covered.copy()
    coverage.targets.dirty[:] = True
    coverage.recount([np.stack(pairs)])
    assert coverage.targets.covered == pytest.approx(before, abs=1e-5)


@given(vectors, vectors)
@settings(deadline=None)
def test_gains_only_fall_as_coverage_grows(pairs, passages):
    coverage = table(("t", E[0], 1.0), ("t", E[1], 1.0))
    added = coverage.expected(np.stack(passages))
    before = coverage.gains(added)
    for vector in pairs:
        coverage.credit(vector)
    assert (coverage.gains(added) <= before + 1e-6).all()
