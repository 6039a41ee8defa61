"""The schema of the chart's values, made from values.yaml and from the service's own settings.

    python -m deploy.chart.values_schema       # writes helm/equal-stream/values.schema.json

What is not in values.yaml is refused, except under `config`, where every setting of the service is valid
that the chart does not decide itself and that is no secret.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from deploy.chart import values_comments
from equal_stream.settings import Settings

CHART = Path(__file__).resolve().parents[2] / "helm" / "equal-stream"
SCHEMA = CHART / "values.schema.json"
CHOSEN_BY_THE_CHART = {
    ("transport",),
    ("data_dir",),
    ("ray", "address"),
    ("observability", "host"),
    ("observability", "port"),
}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_QUANTITY = {"type": "string", "pattern": r"^[0-9]+([.][0-9]+)?([EPTGMK]i?|k|m)?$"}
_INTERVAL = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}
_POSITIVE = {"type": "integer", "minimum": 1}
# What the default of a value does not tell about it, by path or by its last name.
REFINED: dict[tuple[str, ...], dict[str, Any]] = {
    ("labels",): _STRINGS,
    ("nodeSelector",): _STRINGS,
    ("podAnnotations",): _STRINGS,
    ("annotations",): _STRINGS,
    ("affinity",): {"type": "object"},
    ("resources",): {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "requests": {"type": "object"},
            "limits": {"type": "object"},
            "claims": _OBJECTS,
        },
    },
    ("size",): _QUANTITY,
    ("interval",): _INTERVAL,
    ("pullPolicy",): {"enum": ["Always", "IfNotPresent", "Never"]},
    ("pullSecrets",): {"type": "array", "items": {"type": "string"}},
    ("image", "digest"): {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    ("ray", "auth", "mode"): {"enum": ["token", "disabled"]},
    ("ray", "address"): {"type": "string", "pattern": "^(ray://[^/:]+:[0-9]+)?$"},
    ("embedder", "disruptionBudget", "maxUnavailable"): {
        "anyOf": [_POSITIVE, {"type": "string", "pattern": "^[1-9][0-9]?%$"}]
    },
    ("embedder", "autoscaling", "maxReplicas"): _POSITIVE,
    ("embedder", "autoscaling", "lagThreshold"): _POSITIVE,
    ("embedder", "autoscaling", "pollingSeconds"): _POSITIVE,
    ("allocator", "terminationGracePeriodSeconds"): {"type": "integer", "minimum": 80},
    ("security", "runAsUser"): _POSITIVE,
    ("security", "fsGroup"): _POSITIVE,
    ("probes", "startupSeconds"): _POSITIVE,
    ("probes", "periodSeconds"): _POSITIVE,
    ("probes", "timeoutSeconds"): _POSITIVE,
}


def values_schema() -> dict[str, Any]:
    """Return the schema of the chart's values (JSON Schema 2020-12)."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    described = values_comments.descriptions(text)
    properties = {
        name: _schema((name,), value, described)
        for name, value in yaml.safe_load(text).items()
        if name != "config"
    }
    settings, definitions = _settings()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the equal-stream chart",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **properties,
            "config": {"description": described[("config",)], **settings},
            "global": {"type": "object", "description": "Helm's own; not used."},
        },
        "$defs": definitions,
    }


def _schema(path: tuple[str, ...], value: Any, described: values_comments.Descriptions) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if path in described:
        schema["description"] = described[path]
    refined = REFINED.get(path) or REFINED.get(path[-1:])
    if refined is not None:
        return {**schema, **refined, "default": value}
    match value:
        case dict():
            below = {name: _schema((*path, name), each, described) for name, each in value.items()}
            return {**schema, "type": "object", "additionalProperties": False, "properties": below}
        case bool():
            return {**schema, "type": "boolean", "default": value}
        case int():
            return {**schema, "type": "integer", "minimum": 0, "default": value}
        case list():
            return {**schema, **_OBJECTS, "default": value}
        case _:
            return {**schema, "type": "string", "default": value}


def _settings() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of `config` and the definitions it refers to."""
    tree = Settings.model_json_schema()
    definitions: dict[str, Any] = tree.pop("$defs")
    _prune(tree, (), definitions)
    return tree, definitions


def _prune(branch: dict[str, Any], at: tuple[str, ...], definitions: dict[str, Any]) -> None:
    """Take out of a branch, and of those below, what may not be set through the values."""
    branch.pop("title", None)
    for name, schema in list(branch["properties"].items()):
        schema.pop("title", None)
        reference = schema.get("$ref")
        if reference is not None:
            schema.pop("default", None)
            _prune(definitions[reference.rpartition("/")[2]], (*at, name), definitions)
        elif (*at, name) in CHOSEN_BY_THE_CHART or _is_secret(schema):
            del branch["properties"][name]


def _is_secret(schema: dict[str, Any]) -> bool:
    return any(each.get("format") == "password" for each in [schema, *schema.get("anyOf", [])])


def rendered() -> str:
    """Return the schema as it is written to the chart."""
    return json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the schema."""
    SCHEMA.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
