"""Validates custom resources against the definitions of KubeRay, KEDA and the Prometheus operator.

The definitions belong to their projects and are not in this tree; a folder beside the checkout holds them,
or the one that CRDS_DIR names.
"""

import functools
import os
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.helm.chart import ROOT, Manifest

CRDS = Path(os.environ.get("CRDS_DIR") or ROOT.parent / "shared" / "crds")
GROUPS = ("ray.io/", "keda.sh/", "monitoring.coreos.com/")


def is_custom(manifest: Manifest) -> bool:
    """Return whether an object is of a kind that Kubernetes itself does not know."""
    return manifest["apiVersion"].startswith(GROUPS)


def missing_definitions() -> str:
    """Return what is missing in one sentence; empty when the definitions are there."""
    return "" if list(CRDS.glob("*.yaml")) else "there are no custom resource definitions"


def validate(manifest: Manifest) -> None:
    """Require that an object is what its definition says, with no field that it does not know."""
    group, _, version = manifest["apiVersion"].partition("/")
    jsonschema.Draft202012Validator(_schema(group, version, manifest["kind"])).validate(manifest)


@functools.cache
def _schema(group: str, version: str, kind: str) -> Manifest:
    path = CRDS / f"{group}_{kind.lower()}s.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    definition = yaml.load(path.read_text(), Loader=loader)
    (served,) = [each for each in definition["spec"]["versions"] if each["name"] == version]
    schema: Manifest = _strict(served["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(schema: Any) -> Any:
    """Refuse unknown fields, which an API server drops without a word, and know Kubernetes' own words."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(each) for name, each in schema.items()}
    if strict.get("x-kubernetes-int-or-string") is True:
        strict.pop("type", None)
    if (
        strict.get("type") == "object"
        and isinstance(strict.get("properties"), dict)
        and not strict.get("x-kubernetes-preserve-unknown-fields")
    ):
        strict.setdefault("additionalProperties", False)
    if strict.pop("nullable", False) is True and isinstance(strict.get("type"), str):
        strict["type"] = [strict["type"], "null"]
    return strict
