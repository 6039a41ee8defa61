"""The injector: what is due comes, what lasts ends, and what cannot come is told with its reason."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos.faults import WAIT_SECONDS, Injector
from tests.chaos.schedule import Fault, Kind, Victim
from tests.chaos.site import Site
from tests.service.processes import eventually


class World:
    """An injector over one real process, which is the clusterer, at a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        self.there = True
        self.clock = SimpleNamespace(why_not="", step=lambda seconds: setattr(self, "skew", seconds))
        self.skew = 0

    def pids(self, victim: Victim) -> list[int]:
        return [self.process.pid] if self.there and victim is Victim.CLUSTERER else []

    def injector(self, *faults: Fault) -> Injector:
        site: Any = SimpleNamespace(pids=self.pids, broker=None, head=None, clock=self.clock)
        site.disk = SimpleNamespace(why_not="no tmpfs can be mounted")
        return Injector(cast("Site", site), list(faults), 0, lambda: self.now)

    def stopped(self) -> bool:
        """Return whether it is stopped, which it becomes when it is next to run."""
        return eventually(lambda: self.state() == "T", seconds=10)

    def state(self) -> str:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.process.kill()
    made.process.wait()


def test_nothing_comes_before_its_time(world: World) -> None:
    injector = world.injector(Fault(5.0, Kind.KILL, Victim.CLUSTERER))
    assert injector.look() == []
    world.now = 5.0
    assert injector.look() == [f"kill -9 of the clusterer: [{world.process.pid}]"]
    assert world.process.wait(10) == -signal.SIGKILL
    assert injector.done


def test_nobody_is_killed_twice_before_he_is_buried(world: World) -> None:
    injector = world.injector(*[Fault(0.0, Kind.KILL, Victim.CLUSTERER)] * 2)
    injector.look()
    injector.look()
    assert len(injector.injected) == 1
    assert not injector.done


def test_a_victim_that_is_not_there_is_waited_for_and_then_given_up(world: World) -> None:
    world.there = False
    injector = world.injector(Fault(0.0, Kind.TERM, Victim.CLUSTERER))
    world.now = 7.0
    assert injector.look() == []
    world.now = WAIT_SECONDS
    assert injector.look() == []
    world.now = 7.0 + WAIT_SECONDS
    injector.look()
    assert "no such process" in injector.injected[0].not_injected
    assert world.process.poll() is None


def test_what_is_frozen_goes_on_when_its_time_is_over(world: World) -> None:
    injector = world.injector(Fault(0.0, Kind.FREEZE, Victim.CLUSTERER, 12.0))
    injector.look()
    assert world.stopped()
    world.now = 11.0
    injector.look()
    assert world.stopped()
    world.now = 12.5
    injector.look()
    assert eventually(lambda: world.state() != "T", seconds=10)
    assert injector.done


def test_who_is_frozen_is_not_killed_before_he_wakes(world: World) -> None:
    freeze = Fault(0.0, Kind.FREEZE, Victim.CLUSTERER, 12.0)
    injector = world.injector(freeze, Fault(1.0, Kind.KILL, Victim.CLUSTERER))
    for second in range(12):
        world.now = float(second)
        injector.look()
        assert world.stopped()
    world.now = 13.0
    injector.look()
    assert world.process.wait(10) == -signal.SIGKILL


def test_the_clock_is_stepped_and_set_right_again(world: World) -> None:
    injector = world.injector(Fault(0.0, Kind.CLOCK_BEHIND, None, 10.0))
    injector.look()
    assert world.skew == -3_600
    injector.finish()
    assert world.skew == 0


def test_what_cannot_be_injected_here_is_told_with_its_reason(world: World) -> None:
    injector = world.injector(*(Fault(0.0, kind) for kind in (Kind.BROKER, Kind.DISK_FULL, Kind.STORM)))
    injector.look()
    assert [each.not_injected for each in injector.injected] == [
        "the embedded log has no broker",
        "no tmpfs can be mounted",
        "`up` has a fixed number of embedders",
    ]


def test_what_did_not_come_before_the_end_is_told_too(world: World) -> None:
    injector = world.injector(Fault(100.0, Kind.KILL, Victim.CLUSTERER))
    injector.finish()
    assert injector.injected[0].not_injected == "the run ended before"
