"""compose.yaml: the services fit together, and the settings in it are settings of this service."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumers import allocator
from equal_stream.cli.commands import COMMANDS
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_role_ready
from equal_stream.settings_sources import load_settings
from tests.deploy.locks import ROOT, pins

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ROLES = ("embedder", "clusterer", "allocator")
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def interpolated(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"], "")
        assert given or match["kind"] != ":?", f"{match['name']} is required"
        return given or (match["rest"] if match["kind"] == ":-" else "")

    return re.sub(r"\$\{(?P<name>\w+)(?P<kind>:-|:\?)(?P<rest>[^}]*)\}", value, text)


def environment(name: str, **changes: str) -> dict[str, str]:
    variables = EXAMPLE | {"RAY_AUTH_TOKEN": "a-token"} | changes
    return {key: interpolated(value, variables) for key, value in SERVICES[name]["environment"].items()}


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch, **changes: str) -> Settings:
    for key, value in environment(name, **changes).items():
        monkeypatch.setenv(key, value)
    return load_settings()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_accepts_the_settings_it_is_given(role: str, monkeypatch: pytest.MonkeyPatch):
    settings = settings_of(role, monkeypatch)
    require_role_ready(settings, role)
    assert settings.data_dir == Path("/var/lib/equal-stream")
    assert settings.ray.address == "ray://ray-head:10001"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_does_without_qdrant(role: str, monkeypatch: pytest.MonkeyPatch):
    require_role_ready(settings_of(role, monkeypatch, EQUAL_STREAM_STORE__URL=""), role)


def test_the_example_spends_nothing_and_has_a_cap(monkeypatch: pytest.MonkeyPatch):
    settings = settings_of("allocator", monkeypatch)
    assert (settings.llm.in_mtok_cost, settings.llm.out_mtok_cost) == (0, 0)
    assert settings.budget.tokens_total
    assert EXAMPLE["COMPOSE_PROFILES"] in SERVICES["simulate-llm"]["profiles"]


def test_the_example_names_every_variable_and_only_those_and_holds_no_secret():
    used = set(re.findall(r"\$\{(\w+)", yaml.safe_dump(COMPOSE)))
    assert set(EXAMPLE) - {"COMPOSE_PROFILES"} == used
    assert not [name for name, value in EXAMPLE.items() if re.search("KEY|TOKEN$", name) and value]


def test_only_the_allocator_knows_the_key_of_the_llm():
    holders = [name for name, service in SERVICES.items() if "EQUAL_STREAM_LLM__API_KEY" in str(service)]
    assert holders == ["allocator"]


def test_every_service_waits_for_services_that_exist_in_a_state_they_can_reach():
    for service in SERVICES.values():
        for name, needed in service.get("depends_on", {}).items():
            if needed["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert needed["condition"] == "service_completed_successfully"
                assert SERVICES[name]["restart"].startswith("on-failure")


def test_every_long_running_service_says_how_its_health_is_asked():
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["topics"]


def test_every_volume_that_is_mounted_is_declared_and_the_other_way_round():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])


def test_our_containers_are_hardened_and_their_commands_exist():
    known = {each.name for each in COMMANDS}
    for name, service in OURS.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "/tmp" in service["tmpfs"], name
        if "entrypoint" not in service:
            assert service["command"][0] in known


def test_images_have_fixed_versions():
    assert all(re.search(r":v?\d+\.\d+\.\d+$", service["image"]) for service in SERVICES.values())
    qdrant = SERVICES["qdrant"]["image"].split(":v")[1]
    assert qdrant.split(".")[:2] == pins("runtime.txt")["qdrant-client"].split(".")[:2]


def test_ports_are_published_on_this_machine_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_allocator_gets_the_time_it_takes_to_stop():
    seconds = int(SERVICES["allocator"]["stop_grace_period"].removesuffix("s"))
    assert seconds > allocator.LOOK_TIMEOUT + allocator.STOP_SECONDS + 10
