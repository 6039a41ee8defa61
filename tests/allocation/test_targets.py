import numpy as np

from equal_stream.allocation import state as saved
from equal_stream.allocation.background import Background
from equal_stream.allocation.targets import Targets

from .world import unit

D = 8
E = np.eye(D, dtype=np.float32)


def three():
    targets = Targets(D)
    for number in range(3):
        targets.set("t", str(number), E[number], 1.0)
    return targets


def test_setting_a_reference_again_changes_nothing_even_when_the_encoder_wavers():
    targets = three()
    version, dirty = targets.version, targets.dirty.copy()
    targets.set("t", "1", unit(E[1] + 1e-4 * E[2]), 1.0)
    assert (targets.version, len(targets)) == (version, 3)
    assert np.array_equal(targets.dirty, dirty)


def test_a_new_weight_counts_without_a_recount():
    targets = three()
    targets.dirty[:] = False
    targets.set("t", "1", E[1], 4.0)
    assert targets.importance.tolist() == [1 / 3, 4 / 3, 1 / 3]
    assert not targets.dirty.any()


def test_another_vector_makes_the_reference_due_for_a_recount():
    targets = three()
    targets.dirty[:] = False
    targets.set("t", "1", E[5], 1.0)
    assert targets.dirty.tolist() == [False, True, False]


def test_removing_a_reference_keeps_what_covers_the_others():
    targets = three()
    targets.covered[:] = [1, 2, 3]
    assert targets.remove("t", "1")
    assert targets.covered.tolist() == [1, 3]
    assert targets.keys == [("t", "0"), ("t", "2")]
    assert not targets.remove("t", "1")


def test_the_target_goes_with_its_last_reference():
    targets = three()
    for number in range(3):
        targets.remove("t", str(number))
    assert (len(targets), targets.names) == (0, [])
    assert targets.importance.shape == (0,)


def test_a_threshold_that_moves_makes_all_references_of_its_target_due():
    targets = three()
    targets.set("far", "0", -E[0], 1.0)
    background = Background(D, np.random.default_rng(0))
    targets.settle_thresholds(background)
    targets.dirty[:] = False
    for _ in range(200):
        background.add(unit(E[0] + E[1] + E[2]))
    targets.settle_thresholds(background)
    assert targets.dirty.all()
    assert targets.by_name["t"].threshold > 0.5 > targets.by_name["far"].threshold


def test_state_continues_exactly():
    targets, copy = three(), Targets(D)
    targets.set("u", "0", E[4], 2.0)
    copy.load_state(saved.load(saved.dump(targets.to_state())))
    for each in (targets, copy):
        each.remove("t", "0")
        each.set("u", "1", E[5], 1.0)
    assert copy.keys == targets.keys
    assert np.array_equal(copy.importance, targets.importance)
    assert copy.version == targets.version
