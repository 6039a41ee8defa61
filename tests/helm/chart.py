"""The chart under test: linted, rendered, or refused, by the real Helm."""

import functools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "equal-stream"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
KUBERNETES = "1.34.0"  # a Helm built by `go install` would take the cluster for 1.20
RELEASE, NAMESPACE = "live", "streams"
Manifest = dict[str, Any]
MINIMAL: Manifest = yaml.safe_load((CHART / "ci" / "minimal-values.yaml").read_text())

NOTES_AS_AN_OBJECT = """\
apiVersion: v1
kind: ConfigMap
notes: |
  {{- tpl (.Files.Get "notes") . | nindent 2 }}
"""


class Refused(Exception):
    """Helm would not render these values; the message is what it said."""


@dataclass(frozen=True)
class Chart:
    """What Helm makes of the chart."""

    helm: Path

    def lint(self, values: Path) -> str:
        """Return what is wrong; empty when nothing is."""
        done = self._run("lint", "--strict", "--quiet", str(CHART), "--values", str(values))
        return done.stdout + done.stderr if done.returncode else ""

    @functools.lru_cache(maxsize=64)  # noqa: B019 - one chart lives as long as the session
    def text(self, values: str, *options: str) -> str:
        """Return the manifests for values given as YAML."""
        command = ("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-", *options)
        done = self._run(*command, given=values)
        if done.returncode:
            raise Refused(done.stderr.strip())
        return done.stdout

    def objects(self, values: Manifest | Path) -> list[Manifest]:
        """Return the rendered objects."""
        given = values.read_text() if isinstance(values, Path) else yaml.safe_dump(values)
        return [each for each in yaml.safe_load_all(self.text(given)) if each]

    def notes(self, values: Path) -> str:
        """Return the notes that an installation prints, which Helm shows to none but a cluster."""
        with tempfile.TemporaryDirectory() as aside:
            copy = Path(shutil.copytree(CHART, Path(aside, CHART.name)))
            (copy / "templates" / "NOTES.txt").rename(copy / "notes")
            (copy / "templates" / "notes.yaml").write_text(NOTES_AS_AN_OBJECT)
            options = ("--show-only", "templates/notes.yaml", "--values", str(values))
            done = self._run("template", RELEASE, str(copy), "--namespace", NAMESPACE, *options)
        assert done.returncode == 0, done.stderr
        notes: str = yaml.safe_load(done.stdout)["notes"]
        return notes

    def _run(self, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.helm), *command, "--kube-version", KUBERNETES],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


def merged(base: Manifest, change: Manifest) -> Manifest:
    """Return `base` with `change` over it, level by level."""
    result = dict(base)
    for name, value in change.items():
        before = result.get(name)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[name] = merged(before, value) if both else value
    return result


def one(objects: list[Manifest], kind: str, suffix: str = "") -> Manifest:
    """Return the one object of a kind whose name ends so."""
    (found,) = [
        each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(suffix)
    ]
    return found


def pods(objects: list[Manifest]) -> dict[str, Manifest]:
    """Return every pod template by what it belongs to."""
    found = {}
    for each in objects:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            found[name] = each["spec"]["template"]
        elif each["kind"] == "RayCluster":
            found[f"{name}/head"] = each["spec"]["headGroupSpec"]["template"]
            for group in each["spec"].get("workerGroupSpecs", []):
                found[f"{name}/{group['groupName']}"] = group["template"]
    return found


def role(objects: list[Manifest], name: str) -> Manifest:
    """Return the pod template of a role."""
    (found,) = [
        pod
        for pod in pods(objects).values()
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == name
        and pod["spec"]["containers"][0]["args"][0] == "run"
    ]
    return found


def environment(pod: Manifest) -> Manifest:
    """Return the variables of a pod's only container: values, or where they come from."""
    (container,) = pod["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
