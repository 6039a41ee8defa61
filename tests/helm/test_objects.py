"""Every object the chart renders is one that Kubernetes, or the operator it is for, accepts."""

from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.helm.chart import CHART, CI_VALUES, Chart, pods
from tests.helm.custom_resources import is_custom, validate

each_values_file = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)


@each_values_file
def test_helm_finds_nothing_to_complain_about(chart: Chart, values: Path):
    assert chart.lint(values) == ""


@each_values_file
@pytest.mark.parametrize("kubernetes", ["1.27", kubernetes_validate.latest_version()])
def test_every_object_is_valid_in_the_oldest_and_the_newest_kubernetes(
    chart: Chart, values: Path, kubernetes: str
):
    objects = [each for each in chart.objects(values) if not is_custom(each)]
    assert len(objects) >= 6
    for each in objects:
        kubernetes_validate.validate(each, kubernetes, strict=True)


@each_values_file
@pytest.mark.usefixtures("definitions")
def test_every_custom_resource_is_what_its_definition_says(chart: Chart, values: Path):
    for each in filter(is_custom, chart.objects(values)):
        validate(each)


@pytest.mark.usefixtures("definitions")
def test_a_field_that_a_definition_does_not_know_is_noticed(chart: Chart):
    (cluster,) = [
        each
        for each in chart.objects(CHART / "ci" / "raycluster-values.yaml")
        if each["kind"] == "RayCluster"
    ]
    validate(cluster)
    cluster["spec"]["headGroupSpec"]["rayParams"] = {}
    with pytest.raises(jsonschema.ValidationError, match="rayParams"):
        validate(cluster)


@each_values_file
def test_pods_beside_ray_hold_what_a_pod_may_hold(chart: Chart, values: Path):
    for name, pod in pods(chart.objects(values)).items():
        metadata = {**pod["metadata"], "name": "a-pod"}
        spec = {"restartPolicy": "Always", **pod["spec"]}
        whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        kubernetes_validate.validate(whole, kubernetes_validate.latest_version(), strict=True)
        mounted = {each["name"] for each in spec["containers"][0]["volumeMounts"]}
        assert mounted == {each["name"] for each in spec["volumes"]}, name


@each_values_file
def test_no_two_objects_share_a_name(chart: Chart, values: Path):
    names = {f"{each['kind']}/{each['metadata']['name']}" for each in chart.objects(values)}
    assert len(names) == len(chart.objects(values))


def test_every_template_is_rendered_by_one_of_the_values_files(chart: Chart):
    text = "".join(chart.text(path.read_text()) for path in CI_VALUES)
    for template in (CHART / "templates").glob("*.yaml"):
        assert f"# Source: equal-stream/templates/{template.name}\n" in text


def test_every_template_is_named_after_the_kind_it_holds(chart: Chart):
    for path in CI_VALUES:
        for document in chart.text(path.read_text()).split("\n---\n"):
            source = document.split("templates/")[1].split(".yaml")[0]
            kind = next(
                line.removeprefix("kind: ") for line in document.splitlines() if line.startswith("kind: ")
            )
            assert source.split("-")[0] == kind.lower()
