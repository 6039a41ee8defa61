"""No container can do more than its work needs, and secrets go only where they are used."""

from pathlib import Path

import pytest

from tests.helm.chart import CHART, CI_VALUES, MINIMAL, Chart, Refused, environment, merged, one, pods, role

each_values_file = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
SASL = CHART / "ci" / "sasl-ssl-values.yaml"


@each_values_file
def test_every_container_is_hardened(chart: Chart, values: Path):
    for name, pod in pods(chart.objects(values)).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["runAsNonRoot"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


@each_values_file
def test_what_must_be_written_can_be_written(chart: Chart, values: Path):
    for name, pod in pods(chart.objects(values)).items():
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        (container,) = pod["spec"]["containers"]
        mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
        for path in ("/tmp", "/var/lib/equal-stream"):
            assert not mounts[path].get("readOnly"), name
            assert volumes[mounts[path]["name"]].keys() & {"emptyDir", "persistentVolumeClaim"}, name


@each_values_file
def test_nobody_may_ask_the_kubernetes_api(chart: Chart, values: Path):
    kinds = {each["kind"] for each in chart.objects(values)}
    assert not {kind for kind in kinds if kind.startswith(("Role", "ClusterRole"))}


@each_values_file
def test_the_mode_of_ray_authentication_is_said_in_every_pod(chart: Chart, values: Path):
    for name, pod in pods(chart.objects(values)).items():
        assert environment(pod)["RAY_AUTH_MODE"] == "token", name


@each_values_file
def test_no_secret_is_in_a_config_map_or_in_plain_sight(chart: Chart, values: Path):
    objects = chart.objects(values)
    for each in objects:
        if each["kind"] == "ConfigMap":
            assert not [word for word in ("api_key", "password", "token:") if word in str(each["data"])]
    for pod in pods(objects).values():
        for name, value in environment(pod).items():
            if name.endswith(("KEY", "PASSWORD", "TOKEN")):
                assert "secretKeyRef" in value


def test_each_secret_reaches_those_who_use_it_and_nobody_else(chart: Chart):
    objects = chart.objects(SASL)
    llm = {name for name, pod in pods(objects).items() if "EQUAL_STREAM_LLM__API_KEY" in environment(pod)}
    assert llm == {"StatefulSet/live-equal-stream-allocator"}
    for pod in pods(objects).values():
        password = environment(pod)["EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD"]
        assert password == {"secretKeyRef": {"name": "kafka-user", "key": "password"}}
    store = merged(MINIMAL, {"secrets": {"storeApiKey": {"name": "qdrant"}}})
    holders = {
        component
        for component in ("embedder", "clusterer", "allocator")
        if "EQUAL_STREAM_STORE__API_KEY" in environment(role(chart.objects(store), component))
    }
    assert holders == {"embedder", "clusterer", "allocator"}


@pytest.mark.parametrize(
    "secret",
    [{"llm": {"api_key": "k"}}, {"kafka": {"sasl_plain_password": "p"}}, {"store": {"api_key": "k"}}],
)
def test_a_secret_among_the_values_is_refused(chart: Chart, secret: dict[str, dict[str, str]]):
    with pytest.raises(Refused, match="additional properties"):
        chart.objects(merged(MINIMAL, {"config": secret}))


def test_a_token_of_ray_is_made_once_and_shared_by_head_workers_and_roles(chart: Chart):
    objects = chart.objects(CHART / "ci" / "raycluster-values.yaml")
    secret = one(objects, "Secret")
    wanted = {"secretKeyRef": {"name": secret["metadata"]["name"], "key": "auth_token"}}
    assert len(secret["data"]["auth_token"]) >= 64
    holders = {
        name for name, pod in pods(objects).items() if environment(pod).get("RAY_AUTH_TOKEN") == wanted
    }
    assert holders == {
        "Deployment/live-equal-stream-embedder",
        "StatefulSet/live-equal-stream-clusterer",
        "StatefulSet/live-equal-stream-allocator",
        "RayCluster/live-equal-stream-ray/head",
        "RayCluster/live-equal-stream-ray/extraction",
    }
    assert one(objects, "RayCluster")["spec"]["authOptions"]["secretName"] == secret["metadata"]["name"]


def test_ray_is_reached_by_the_pods_of_the_release_alone(chart: Chart):
    objects = chart.objects(CHART / "ci" / "raycluster-values.yaml")
    policy = one(objects, "NetworkPolicy", "-ray")["spec"]
    selected = policy["podSelector"]["matchLabels"].items()
    for name, pod in pods(objects).items():
        assert (selected <= pod["metadata"]["labels"].items()) == name.startswith("RayCluster/")
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "live"
    roles = one(objects, "NetworkPolicy", "-roles")["spec"]
    assert [port["port"] for rule in roles["ingress"] for port in rule["ports"]] == ["http"]
