import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.allocation import state as saved
from equal_stream.allocation.background import Background
from equal_stream.allocation.coverage import Coverage
from equal_stream.allocation.targets import Targets

from .world import unit

D = 8
E = np.eye(D, dtype=np.float32)


def table(*references, halflife=None):
    """A coverage over (target, vector, weight) with the prior threshold."""
    coverage = Coverage(Targets(D), halflife)
    for number, (target, vector, weight) in enumerate(references):
        coverage.targets.set(target, str(number), vector, weight)
    coverage.targets.settle_thresholds(Background(D, np.random.default_rng(0)))
    coverage.recount([])
    return coverage


def test_a_perfect_match_covers_by_one_and_what_lies_below_the_threshold_by_nothing():
    coverage = table(("t", E[0], 1.0))
    near, far = unit(E[0] + 4 * E[1]), E[1]
    assert coverage.kernel(np.stack([E[0], near, far]))[:, 0].tolist() == pytest.approx([1, 0, 0])


def test_gain_is_the_weighted_growth_of_log_coverage_and_gets_less_each_time():
    coverage = table(("t", E[0], 1.0), ("t", E[1], 1.0))
    gains = [coverage.credit(E[0], 0.0)["t"] for _ in range(3)]
    assert gains == pytest.approx([np.log(2) / 2, np.log(3 / 2) / 2, np.log(4 / 3) / 2])
    assert coverage.values()["t"] == pytest.approx(sum(gains))
    assert coverage.touched()["t"] == 0.5


def test_targets_count_alike_however_many_references_they_have():
    coverage = table(("one", E[0], 1.0), *[("many", E[1], 1.0)] * 4)
    assert coverage.credit(E[0], 0.0)["one"] == pytest.approx(coverage.credit(E[1], 0.0)["many"])


def test_doubling_all_weights_of_a_target_doubles_its_say():
    coverage = table(("light", E[0], 1.0), ("heavy", E[1], 2.0))
    assert coverage.credit(E[1], 0.0)["heavy"] == pytest.approx(2 * coverage.credit(E[0], 0.0)["light"])


def test_one_pair_may_serve_several_targets():
    coverage = table(("a", E[0], 1.0), ("b", unit(E[0] + 0.2 * E[1]), 1.0))
    assert set(coverage.credit(E[0], 0.0)) == {"a", "b"}


def test_predicted_gain_of_a_passage_equals_the_gain_when_it_comes_true():
    coverage = table(("t", E[0], 1.0), ("t", unit(E[0] + E[1]), 3.0))
    coverage.credit(unit(E[0] + 0.5 * E[2]), 0.0)
    vector = unit(E[0] + 0.3 * E[1])
    predicted = coverage.gains(coverage.kernel(vector[None]))[0]
    assert coverage.credit(vector, 0.0)["t"] == pytest.approx(predicted, rel=1e-5)


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
        coverage.credit(vector, 0.0)
    before = coverage.targets.covered.copy()
    for vector in withdrawn:
        coverage.credit(vector, 0.0)
    coverage.give_back(np.stack(withdrawn), np.zeros(len(withdrawn)))
    assert coverage.targets.covered == pytest.approx(before, abs=1e-5)


@given(vectors)
@settings(deadline=None)
def test_a_recount_finds_what_crediting_one_by_one_had_found(pairs):
    coverage = table(("t", E[0], 1.0), ("u", E[1], 1.0))
    for vector in pairs:
        coverage.credit(vector, 0.0)
    before = coverage.targets.covered.copy()
    coverage.targets.dirty[:] = True
    coverage.recount([(np.stack(pairs), np.zeros(len(pairs)))])
    assert coverage.targets.covered == pytest.approx(before, abs=1e-5)


@given(vectors, vectors)
@settings(deadline=None)
def test_gains_only_fall_as_coverage_grows(pairs, passages):
    coverage = table(("t", E[0], 1.0), ("t", E[1], 1.0))
    added = coverage.kernel(np.stack(passages))
    before = coverage.gains(added)
    for vector in pairs:
        coverage.credit(vector, 0.0)
    assert (coverage.gains(added) <= before + 1e-6).all()


# Fading.

DAY = 86_400.0
START = 1.78e9  # seconds since 1970
published = st.lists(
    st.tuples(vectors.map(lambda some: some[0]), st.floats(0, 60 * DAY).map(lambda age: START + age)),
    min_size=1,
    max_size=8,
)


def fading(halflife=7 * DAY):
    return table(("t", E[0], 1.0), ("t", E[1], 0.5), ("u", unit(E[0] + E[1]), 1.0), halflife=halflife)


def test_after_a_halflife_a_pair_covers_half_and_after_two_a_quarter():
    coverage = fading(7 * DAY)
    coverage.credit(E[0], START)
    coverage.advance(START + 7 * DAY)
    assert coverage.targets.covered[0] == pytest.approx(0.5)
    coverage.advance(START + 14 * DAY)
    assert coverage.targets.covered[0] == pytest.approx(0.25)


def test_without_a_halflife_nothing_fades_and_nothing_is_told():
    coverage = fading(None)
    coverage.credit(E[0], START)
    before, releases = coverage.targets.covered.copy(), coverage.releases
    coverage.advance(START + 1e9)
    assert np.array_equal(coverage.targets.covered, before)
    assert coverage.releases == releases


def test_a_clock_that_was_put_back_brings_no_coverage_back():
    coverage = fading()
    coverage.credit(E[0], START)
    coverage.advance(START + DAY)
    before = coverage.targets.covered.copy()
    coverage.advance(START - DAY)
    assert np.array_equal(coverage.targets.covered, before)
    assert coverage.at == START + DAY


@given(published, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_in_which_order_pairs_are_credited_makes_no_difference_once_they_fade(pairs, random):
    live, replayed = fading(), fading()
    for vector, instant in sorted(pairs, key=lambda pair: pair[1]):
        live.advance(instant)
        live.credit(vector, instant)
    for vector, instant in random.sample(pairs, len(pairs)):
        replayed.credit(vector, instant)
    for coverage in (live, replayed):
        coverage.advance(START + 70 * DAY)
    assert replayed.targets.covered == pytest.approx(live.targets.covered, rel=1e-6, abs=1e-9)


@given(published, published, st.floats(0, 30 * DAY))
@settings(deadline=None)
def test_withdrawn_pairs_give_back_what_they_still_bring(kept, withdrawn, later):
    coverage, without = fading(), fading()
    for each, pairs in ((coverage, kept + withdrawn), (without, kept)):
        for vector, instant in pairs:
            each.credit(vector, instant)
        each.advance(START + 60 * DAY + later)
    coverage.give_back(
        np.stack([vector for vector, _ in withdrawn]), np.array([instant for _, instant in withdrawn])
    )
    assert coverage.targets.covered == pytest.approx(without.targets.covered, abs=1e-6)


@given(published, st.floats(0, 30 * DAY))
@settings(deadline=None)
def test_a_recount_finds_what_fading_had_left(pairs, later):
    coverage = fading()
    for vector, instant in pairs:
        coverage.credit(vector, instant)
    coverage.advance(START + 60 * DAY + later)
    before = coverage.targets.covered.copy()
    coverage.targets.dirty[:] = True
    coverage.recount([(np.stack([vector]), np.array([instant])) for vector, instant in pairs])
    assert coverage.targets.covered == pytest.approx(before, abs=1e-6)


def test_coming_to_the_present_in_many_small_steps_is_as_good_as_in_one():
    steps, leap = fading(), fading()
    for coverage in (steps, leap):
        coverage.credit(E[0], START)
    for second in np.arange(0, 3 * DAY, 30.0):
        steps.advance(START + second)
    for coverage in (steps, leap):
        coverage.advance(START + 3 * DAY)
    assert steps.targets.covered == pytest.approx(leap.targets.covered, rel=1e-9)


def test_fading_is_told_at_each_hundredth_of_a_halflife_and_until_then_old_gains_hardly_rise():
    coverage = fading(100 * DAY)
    for _ in range(50):
        coverage.credit(E[0], START)
    told, added = coverage.releases, coverage.kernel(E[:2])
    before = coverage.gains(added)
    coverage.advance(START + 0.99 * DAY)
    assert coverage.releases == told
    after = coverage.gains(added)
    assert (after >= before).all()
    assert (after <= 1.007 * before).all()
    coverage.advance(START + 1.01 * DAY)
    assert coverage.releases == told + 1
    coverage.advance(START + 1.5 * DAY)
    assert coverage.releases == told + 1
    coverage.advance(START + 2.02 * DAY)
    assert coverage.releases == told + 2


def test_where_nothing_is_covered_nothing_fades():
    coverage = fading()
    told = coverage.releases
    coverage.advance(START)
    coverage.advance(START + 30 * DAY)
    assert coverage.releases == told


def test_what_has_faded_away_no_longer_touches_its_reference():
    coverage = fading(DAY)
    coverage.credit(E[0], START)
    assert coverage.touched()["t"] == 0.5
    coverage.advance(START + 40 * DAY)
    assert coverage.touched()["t"] == 0


def test_state_continues_exactly_while_fading():
    coverage, copy = fading(), fading()
    coverage.credit(E[0], START)
    coverage.advance(START + 0.05 * DAY)
    copy.targets.load_state(saved.load(saved.dump(coverage.targets.to_state())))
    copy.load_state(saved.load(saved.dump(coverage.to_state())))
    for hour in range(2, 60):
        for each in (coverage, copy):
            each.advance(START + hour * 3600)
        assert np.array_equal(copy.targets.covered, coverage.targets.covered)
        assert copy.releases == coverage.releases


def test_with_another_halflife_all_is_recounted():
    coverage, copy = fading(7 * DAY), fading(30 * DAY)
    coverage.credit(E[0], START)
    copy.targets.load_state(coverage.targets.to_state())
    copy.load_state(coverage.to_state())
    assert copy.targets.dirty.all()
