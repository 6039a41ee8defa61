"""The roles of one machine: what failed is started again, ever later, and what cannot be mended stops all."""

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.local import service as local
from equal_stream.local.service import LONGEST_PAUSE, STEADY_SECONDS, LocalService, RoleFailed
from equal_stream.ray_runtime import RayConnection, RayUnavailable
from equal_stream.roles import Role
from equal_stream.settings import ObservabilitySettings, Settings
from equal_stream.topics import TOPICS
from equal_stream.transport.factory import open_transport

CRASH = 1


@dataclass
class MortalProcess:
    """A process that lives until the test says otherwise."""

    name: str
    settings: Settings
    exitcode: int | None = None
    heeds_sigterm: bool = True
    received: list[str] = field(default_factory=list)

    def is_alive(self) -> bool:
        return self.exitcode is None

    def terminate(self) -> None:
        self.received.append("SIGTERM")
        if self.heeds_sigterm:
            self.exitcode = 0

    def kill(self) -> None:
        self.received.append("SIGKILL")
        self.exitcode = -9

    def join(self, timeout: float | None = None) -> None:
        assert not self.is_alive() or timeout is not None


class Machine:
    """A machine on which starting a role, Ray and the clock are under the test's control."""

    def __init__(self) -> None:
        self.started: list[MortalProcess] = []
        self.now = 1_000.0
        self.ray_ended = False
        self.ray_lost = False

    def start_role(self, role: Role, settings: Settings, instance: int = 0) -> MortalProcess:
        name = role.name if instance == 0 else f"{role.name}-{instance}"
        self.started.append(MortalProcess(name, settings))
        return self.started[-1]

    def connect(self, settings: Settings) -> RayConnection:
        return RayConnection(
            "127.0.0.1:6379", lost=lambda: self.ray_lost, _stop=lambda: setattr(self, "ray_ended", True)
        )

    def latest(self, name: str) -> MortalProcess:
        return [each for each in self.started if each.name == name][-1]

    def count(self, name: str) -> int:
        return sum(each.name == name for each in self.started)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(local, "start_role", machine.start_role)
    monkeypatch.setattr(local, "connect", machine.connect)
    monkeypatch.setattr(local, "time", types.SimpleNamespace(monotonic=lambda: machine.now))
    return machine


@pytest.fixture
def running(machine: Machine, tmp_path: Path) -> Callable[..., LocalService]:
    def start(embedders: int = 1, **settings: object) -> LocalService:
        service = LocalService(Settings(data_dir=tmp_path, **settings), embedders)
        service.start()
        return service

    return start


def pause_after_crash(service: LocalService, machine: Machine, name: str) -> int:
    """Crash a role and return after how many seconds it is started again."""
    before = machine.count(name)
    machine.latest(name).exitcode = CRASH
    for waited in range(1_000):
        service.watch()
        if machine.count(name) > before:
            return waited
        machine.now += 1.0
    raise AssertionError(f"the {name} was never started again")


def test_topics_are_there_before_any_role_and_roles_are_told_where_ray_is(
    machine: Machine, running: Callable[..., LocalService], tmp_path: Path
) -> None:
    service = running(embedders=2)
    transport = open_transport(Settings(data_dir=tmp_path))
    assert {topic.name for topic in TOPICS} <= transport.topics().keys()
    transport.close()
    assert [each.name for each in machine.started] == ["allocator", "clusterer", "embedder", "embedder-1"]
    assert {each.settings.ray.address for each in machine.started} == {"127.0.0.1:6379"}
    assert service.alive() == dict.fromkeys(("allocator", "clusterer", "embedder", "embedder-1"), True)


def test_a_port_that_was_asked_for_is_left_to_the_process_that_runs_the_service(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    running(embedders=2, observability=ObservabilitySettings(port=9_100))
    assert [each.settings.observability.port for each in machine.started] == [0, 0, 0, 0]


def test_a_role_that_lives_is_left_alone(machine: Machine, running: Callable[..., LocalService]) -> None:
    service = running()
    machine.now += 10 * STEADY_SECONDS
    service.watch()
    assert len(machine.started) == 3


def test_a_role_that_dies_again_and_again_is_started_again_after_growing_pauses(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    pauses = [pause_after_crash(service, machine, "clusterer") for _ in range(8)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert max(pauses) == LONGEST_PAUSE
    assert machine.count("allocator") == machine.count("embedder") == 1


def test_a_role_that_ran_for_long_is_started_again_soon(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    for _ in range(4):
        pause_after_crash(service, machine, "embedder")
    machine.now += STEADY_SECONDS + 1
    assert pause_after_crash(service, machine, "embedder") == 1


def test_a_role_that_ended_in_good_order_without_being_asked_is_started_again(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    machine.latest("allocator").exitcode = 0
    service.watch()
    machine.now += LONGEST_PAUSE
    service.watch()
    assert machine.count("allocator") == 2


def test_a_role_that_cannot_run_with_its_configuration_stops_the_service(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    machine.latest("allocator").exitcode = ConfigurationError.exit_code
    with pytest.raises(RoleFailed, match="the allocator cannot run with this configuration"):
        service.watch()
    assert machine.count("allocator") == 1


def test_stopping_asks_every_role_then_ends_ray(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    service.stop()
    assert [each.received for each in machine.started] == [["SIGTERM"]] * 3
    assert machine.ray_ended
    assert service.alive() == {}


def test_a_role_that_does_not_stop_is_killed(machine: Machine, running: Callable[..., LocalService]) -> None:
    service = running()
    machine.latest("embedder").heeds_sigterm = False
    service.stop()
    assert machine.latest("embedder").received == ["SIGTERM", "SIGKILL"]
    assert machine.latest("allocator").received == ["SIGTERM"]


def test_a_cluster_that_is_gone_ends_the_service_since_no_role_could_join_it_again(
    machine: Machine, running: Callable[..., LocalService]
) -> None:
    service = running()
    service.watch()
    machine.ray_lost = True
    with pytest.raises(RayUnavailable, match="start the service again"):
        service.watch()
    service.stop()
    assert machine.ray_ended
