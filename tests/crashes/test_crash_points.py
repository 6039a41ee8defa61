"""Whichever step of whichever commit path a process ends after, nothing is lost, and nothing comes twice."""

from collections.abc import Iterator

import pytest

from tests.crashes.life import Ending
from tests.crashes.walk import Walker, steps_missing, walks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROLES = ["embedder", "clusterer", "allocator", "recovery", "extractor"]


@pytest.fixture(scope="module")
def walker() -> Iterator[Walker]:
    with Walker() as made:
        yield made


@pytest.fixture(scope="module")
def endings(walker: Walker) -> tuple[Ending, Ending]:
    return walker.references()


def test_every_step_of_every_commit_path_is_passed(endings: tuple[Ending, Ending]) -> None:
    assert steps_missing(*endings) == set()
    assert {point.role for ending in endings for point in ending.passed} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_a_crash_after_any_step_breaks_no_promise(
    walker: Walker, endings: tuple[Ending, Ending], role: str
) -> None:
    verdicts = list(walker.walk_all(walk for walk in walks(*endings) if walk.point.role == role))
    assert len(verdicts) >= 5
    assert {str(each.point): each.problems for each in verdicts if each.problems} == {}
