"""The schedule of faults: the same for the same seed, with everybody in it."""

from collections import Counter
from itertools import pairwise

import pytest

from tests.chaos.schedule import KILLED, OTHERS, Kind, Victim, schedule

SECONDS = 1_800.0


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert schedule(7, SECONDS, 100) == schedule(7, SECONDS, 100)
    assert schedule(7, SECONDS, 100) != schedule(8, SECONDS, 100)


@pytest.mark.parametrize("kills", [len(KILLED), 100])
def test_everybody_is_killed_at_least_once(kills: int) -> None:
    faults = schedule(3, SECONDS, kills)
    killed = Counter(fault.victim for fault in faults if fault.kind is Kind.KILL)
    assert killed.total() == kills
    assert killed.keys() == KILLED.keys()


def test_every_other_fault_comes_once() -> None:
    others = [(fault.kind, fault.victim) for fault in schedule(3, SECONDS, 10) if fault.kind is not Kind.KILL]
    assert sorted(others, key=str) == sorted(OTHERS, key=str)
    assert {kind for kind, _ in OTHERS} | {Kind.KILL} == set(Kind)


def test_faults_come_while_it_is_fed_and_the_lasting_ones_one_after_another() -> None:
    faults = schedule(5, SECONDS, 100)
    assert faults == sorted(faults)
    assert all(0 < fault.at < SECONDS for fault in faults)
    lasting = [fault for fault in faults if fault.lasts]
    assert all(one.at + one.lasts <= next_.at for one, next_ in pairwise(lasting))


def test_a_short_run_shortens_faults_but_no_freeze_below_the_session() -> None:
    faults = schedule(5, 60.0, 2, [(Kind.STORE, Victim.STORE), (Kind.FREEZE, Victim.EMBEDDER)])
    lasts = {fault.kind: fault.lasts for fault in faults if fault.lasts}
    assert lasts[Kind.STORE] < 30
    assert lasts[Kind.FREEZE] == 12
