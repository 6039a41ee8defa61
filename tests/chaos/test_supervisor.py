"""The supervisor: a post that falls vacant is filled again, after longer and longer pauses."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from tests.chaos.supervisor import FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS, Process, Supervisor


class World:
    """A supervisor of processes that sleep, at a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.supervisor = Supervisor(self._start, lambda: self.now)

    def _start(self, _name: str, _command: Sequence[str]) -> Process:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def kill(self, name: str) -> None:
        process = self.supervisor.posts[name].process
        process.kill()
        process.wait()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.supervisor.stop()


def pause_after_a_kill(world: World) -> float:
    world.kill("a")
    world.supervisor.look()
    before = world.now
    while not world.supervisor.named("a"):
        world.now += 0.5
        world.supervisor.look()
    return world.now - before


def test_what_was_killed_is_started_again_after_a_pause_that_doubles(world: World) -> None:
    post = world.supervisor.add("a", "run")
    pauses = [pause_after_a_kill(world) for _ in range(6)]
    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(1, 7)]
    assert post.codes == [-9] * 6


def test_what_ran_steadily_is_started_again_soon(world: World) -> None:
    world.supervisor.add("a", "run")
    pause_after_a_kill(world)
    world.now += STEADY_SECONDS
    assert pause_after_a_kill(world) == FIRST_PAUSE


def test_a_process_that_is_replaced_runs_on_beside_its_successor(world: World) -> None:
    frozen = world.supervisor.add("a", "run").process
    world.supervisor.replace("a")
    assert frozen.poll() is None
    assert world.supervisor.named("a") != [frozen]
    frozen.kill()
    frozen.wait()
    world.supervisor.look()
    assert world.supervisor.stray_codes == [-9]
    assert len(world.supervisor.named("a")) == 1


def test_a_post_that_is_closed_is_not_filled_again(world: World) -> None:
    process = world.supervisor.add("a", "run").process
    world.supervisor.remove("a")
    process.wait(10)
    world.supervisor.look()
    assert world.supervisor.named("a") == []


def test_stopping_leaves_nobody_behind(world: World) -> None:
    world.supervisor.add("a", "run")
    world.supervisor.replace("a")
    both = [world.supervisor.posts["a"].process, *world.supervisor.strays]
    world.supervisor.stop()
    assert all(process.poll() is not None for process in both)
