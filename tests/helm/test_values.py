"""values.yaml is the documentation: complete, described, in the schema, and every value does something."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.chart.values_comments import descriptions
from deploy.chart.values_schema import SCHEMA, rendered
from equal_stream.settings import Settings
from tests.helm.chart import CHART, Chart, Manifest, merged

TEXT = (CHART / "values.yaml").read_text()
VALUES: Manifest = yaml.safe_load(TEXT)
FREE = {"resources", "labels", "nodeSelector", "affinity", "podAnnotations", "annotations"}
# With all of this switched on, every value has a place where it shows.
EVERYTHING: Manifest = {
    "config": {
        "kafka": {
            "bootstrap_servers": "kafka:9092",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "u",
        },
        "store": {"url": "https://qdrant:6333"},
        "llm": {"base_url": "http://llm/v1", "model": "m", "in_mtok_cost": 1, "out_mtok_cost": 1},
        "budget": {"usd_total": 1},
    },
    "secrets": {
        name: {"name": "s"} for name in ("llmApiKey", "kafkaPassword", "kafkaKeyPassword", "storeApiKey")
    },
    "kafkaTls": {"secretName": "s", "certificate": "c", "key": "k"},
    "storeTls": {"secretName": "s"},
    "ray": {
        "cluster": {"enabled": True, "workers": {"replicas": 1}},
        "auth": {"existingSecret": "s"},
    },
    "networkPolicy": {"enabled": True},
}
# Values that show only beside others, and those others.
BESIDE: dict[tuple[str, ...], Manifest] = {
    ("config", "kafka", "security_protocol"): {"kafkaTls": {"secretName": "", "certificate": "", "key": ""}},
    ("allocator", "persistence"): {"ray": {"cluster": {"enabled": False}, "auth": {"existingSecret": ""}}},
    **{
        (component, "kafkaUser"): {component: {"kafkaUser": {"name": "own", "passwordSecret": "own"}}}
        for component in ("embedder", "clusterer", "allocator", "topics")
    },
    ("embedder", "autoscaling"): {"embedder": {"autoscaling": {"enabled": True}}},
    ("metrics", "podMonitor"): {"metrics": {"podMonitor": {"enabled": True}}},
    ("metrics", "serviceMonitor"): {"metrics": {"serviceMonitor": {"enabled": True}}},
    ("ray", "address"): {"ray": {"cluster": {"enabled": False}}},
    ("ray", "auth", "mode"): {"ray": {"cluster": {"enabled": False}, "address": "ray://r:1"}},
}
SHOWN: dict[str, Any] = {  # a value other than the default, where its type does not suggest one
    "digest": "sha256:" + "0" * 64,
    "pullPolicy": "Always",
    "pullSecrets": ["s"],
    "address": "ray://other:10001",
    "mode": "disabled",
    "url": "https://other:6333",
    "size": "7Gi",
    "interval": "7s",
    "resources": {"requests": {"cpu": "7", "memory": "7Gi"}, "limits": {"memory": "7Gi"}},
    "tolerations": [{"key": "shown"}],
    "affinity": {"nodeAffinity": {}},
    "metricsFrom": [{"podSelector": {}}],
    "egress": [{"to": [{"podSelector": {}}]}],
    "extraEnv": [{"name": "SHOWN", "value": "shown"}],
    "extraVolumes": [{"name": "shown", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "shown", "mountPath": "/shown"}],
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "minReplicas": 2,
    "startupSeconds": 900,
    "terminationGracePeriodSeconds": 321,
}


def leaves(tree: Manifest, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value and name not in FREE:
            yield from leaves(value, (*at, name))
        else:
            yield (*at, name), value


def nested(path: tuple[str, ...], value: Any) -> Manifest:
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def other(path: tuple[str, ...], value: Any) -> Any:
    if path[-1] in SHOWN:
        return SHOWN[path[-1]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return 7 if path[1] in {"llm", "budget"} else "shown"
    return {"shown": "shown"} if isinstance(value, dict) else "shown"


def test_the_schema_is_the_one_that_values_and_settings_make():
    assert SCHEMA.read_text() == rendered(), "run: make schemas"


def test_every_value_is_described():
    described = descriptions(TEXT)
    assert [path for path, _ in leaves(VALUES) if path not in described] == []


def test_the_settings_shown_have_the_services_own_defaults():
    defaults = Settings().model_dump(mode="json")
    for path, value in leaves(VALUES["config"]):
        here: Any = defaults
        for name in path:
            here = here[name]
        assert here == value, path


@pytest.mark.parametrize("path", [path for path, _ in leaves(VALUES)], ids=".".join)
def test_every_value_does_something(chart: Chart, path: tuple[str, ...]):
    base = EVERYTHING
    for start, beside in BESIDE.items():
        if path[: len(start)] == start:
            base = merged(base, beside)
    present = merged(VALUES, base)
    for name in path:
        present = present[name]
    change = merged(base, nested(path, other(path, present)))
    assert chart.text(yaml.safe_dump(change)) != chart.text(yaml.safe_dump(base))
