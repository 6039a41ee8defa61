"""What the chart writes into its ConfigMap is what the service reads, and each role accepts it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from equal_stream.settings import Settings
from equal_stream.settings_rules import problems, require_role_ready
from equal_stream.settings_sources import load_settings
from tests.helm.chart import CHART, CI_VALUES, MINIMAL, Chart, Manifest, environment, merged, one, role

each_values_file = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
CONFIG = "/etc/equal-stream/config"


def settings_of(
    objects: list[Manifest], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Load the settings of a role as its container does: the mounted file, and variables from Secrets."""
    mounted = {f"/etc/equal-stream/{name}": tmp_path / name for name in ("kafka", "store")}
    for certificates in mounted.values():
        certificates.mkdir(exist_ok=True)
        for file in ("ca.crt", "user.crt", "user.key"):
            (certificates / file).touch()
    pod = role(objects, name)
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "config"]
    (maps,) = [
        each
        for each in objects
        if each["metadata"]["name"] == volume["configMap"]["name"] and each["kind"] == "ConfigMap"
    ]
    for file, text in maps["data"].items():
        here = text
        for directory, certificates in mounted.items():
            here = here.replace(directory, str(certificates))
        (tmp_path / file).write_text(here)
    for variable, value in environment(pod).items():
        if variable.startswith("EQUAL_STREAM_"):
            text = value.replace(CONFIG, str(tmp_path)) if isinstance(value, str) else "from-a-secret"
            monkeypatch.setenv(variable, text)
    return load_settings()


@each_values_file
@pytest.mark.parametrize("name", ["embedder", "clusterer", "allocator"])
def test_each_role_accepts_what_it_is_given(
    chart: Chart, values: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = settings_of(chart.objects(values), name, tmp_path, monkeypatch)
    require_role_ready(settings, name)
    assert problems(settings, ["transport", "store", "passages"]) == []
    assert settings.transport == "kafka"
    assert (settings.observability.host, settings.observability.port) == ("0.0.0.0", 8080)


@each_values_file
def test_every_setting_given_as_a_value_arrives_unchanged(
    chart: Chart, values: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given = yaml.safe_load(values.read_text())["config"]
    settings = settings_of(chart.objects(values), "allocator", tmp_path, monkeypatch)
    arrived = settings.model_dump(mode="json")

    def compare(given: dict[str, Any], arrived: dict[str, Any]) -> None:
        for name, value in given.items():
            if isinstance(value, dict) and name != "partitions":
                compare(value, arrived[name])
            else:
                assert arrived[name] == value, name

    compare(given, arrived)


def test_large_numbers_stay_whole_numbers(chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    values = merged(MINIMAL, {"config": {"budget": {"tokens_total": 123_456_789_012}}})
    settings = settings_of(chart.objects(values), "allocator", tmp_path, monkeypatch)
    assert settings.budget.tokens_total == 123_456_789_012


def test_the_topics_are_created_with_the_same_settings_before_any_role_starts(chart: Chart):
    objects = chart.objects(CHART / "ci" / "sasl-ssl-values.yaml")
    job = one(objects, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["topics", "create"]
    (volume,) = [each for each in job["spec"]["template"]["spec"]["volumes"] if each["name"] == "config"]
    before = one(objects, "ConfigMap", volume["configMap"]["name"])
    assert int(before["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    settings = one(objects, "ConfigMap", "equal-stream")
    assert before["data"] == {"equal-stream.yaml": settings["data"]["equal-stream.yaml"]}


def test_a_changed_setting_restarts_the_roles(chart: Chart):
    def checksum(values: Manifest) -> str:
        checksum: str = role(chart.objects(values), "embedder")["metadata"]["annotations"]["checksum/config"]
        return checksum

    assert checksum(MINIMAL) != checksum(merged(MINIMAL, {"config": {"clustering": {"seed": 1}}}))


def test_keda_looks_at_the_group_and_topic_that_the_embedders_use(chart: Chart):
    objects = chart.objects(CHART / "ci" / "sasl-ssl-values.yaml")
    (trigger,) = one(objects, "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == "team.equal-stream.embedder"
    assert trigger["metadata"]["topic"] == "team.crawl.documents"
    assert trigger["metadata"]["sasl"] == "scram_sha512"
    assert trigger["metadata"]["tls"] == "enable"
    authentication = one(objects, "TriggerAuthentication")
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
    parameters = {each["parameter"] for each in authentication["spec"]["secretTargetRef"]}
    assert parameters == {"password", "ca", "cert", "key", "keyPassword"}
    assert "replicas" not in one(objects, "Deployment")["spec"]
