"""Where state lives, who may run twice, and how long things get."""

import pytest

from consumers import allocator
from tests.deploy.locks import pins
from tests.helm.chart import CHART, MINIMAL, Chart, Manifest, environment, merged, one, pods, role

RAYCLUSTER = CHART / "ci" / "raycluster-values.yaml"
EXTERNAL = CHART / "ci" / "external-ray-values.yaml"


def data_claim(pod: Manifest) -> str | None:
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "data"]
    claim: str | None = volume.get("persistentVolumeClaim", {}).get("claimName")
    return claim


def claims(objects: list[Manifest]) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"}


def test_without_a_ray_cluster_the_allocator_keeps_its_snapshots_in_its_own_pod(chart: Chart):
    objects = chart.objects(MINIMAL)
    assert data_claim(role(objects, "allocator")) == "live-equal-stream-allocator"
    assert data_claim(role(objects, "clusterer")) == "live-equal-stream-clusterer"
    assert data_claim(role(objects, "embedder")) is None
    assert claims(objects) == {"live-equal-stream-allocator", "live-equal-stream-clusterer"}


def test_ray_inside_the_allocators_pod_has_shared_memory_and_makes_its_own_token(chart: Chart):
    pod = role(chart.objects(MINIMAL), "allocator")
    (container,) = pod["spec"]["containers"]
    assert "/dev/shm" in {each["mountPath"] for each in container["volumeMounts"]}
    assert environment(pod)["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in environment(pod)


def test_with_a_ray_cluster_its_head_keeps_the_snapshots_and_the_store(chart: Chart):
    objects = chart.objects(RAYCLUSTER)
    found = pods(objects)
    assert data_claim(found["RayCluster/live-equal-stream-ray/head"]) == "live-equal-stream-ray"
    assert data_claim(found["RayCluster/live-equal-stream-ray/extraction"]) is None
    assert data_claim(role(objects, "allocator")) is None
    assert claims(objects) == {"live-equal-stream-ray", "live-equal-stream-clusterer"}


def test_a_claim_of_ones_own_is_used_and_none_is_made(chart: Chart):
    objects = chart.objects(EXTERNAL)
    assert data_claim(role(objects, "clusterer")) == "clusters"
    assert claims(objects) == set()


def test_volumes_outlive_the_release(chart: Chart):
    for each in chart.objects(RAYCLUSTER):
        if each["kind"] == "PersistentVolumeClaim":
            assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_there_is_one_clusterer_and_one_allocator_and_never_two_at_once(chart: Chart):
    objects = chart.objects(MINIMAL)
    for name in ("clusterer", "allocator"):
        assert one(objects, "StatefulSet", name)["spec"]["replicas"] == 1


def test_the_allocator_gets_the_time_it_takes_to_stop(chart: Chart):
    seconds = role(chart.objects(MINIMAL), "allocator")["spec"]["terminationGracePeriodSeconds"]
    assert seconds > allocator.LOOK_TIMEOUT + allocator.STOP_SECONDS + 10


@pytest.mark.parametrize("name", ["embedder", "clusterer", "allocator"])
def test_probes_ask_the_service_and_leave_time_to_load_the_encoder(chart: Chart, name: str):
    (container,) = role(chart.objects(MINIMAL), name)["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300
    # An allocator that recovers from a long log is alive and not yet ready: it is not to be killed for it.
    assert startup["httpGet"]["path"] == ("/readyz" if name == "embedder" else "/healthz")


def test_ray_nodes_are_probed_without_programs_that_the_image_has_not(chart: Chart):
    for name, pod in pods(chart.objects(RAYCLUSTER)).items():
        if name.startswith("RayCluster/"):
            (container,) = pod["spec"]["containers"]
            ports = {each["name"] for each in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["tcpSocket"]["port"] in ports


def test_every_node_of_ray_and_every_role_runs_the_same_image(chart: Chart):
    found = pods(chart.objects(RAYCLUSTER))
    assert len({pod["spec"]["containers"][0]["image"] for pod in found.values()}) == 1
    cluster = one(chart.objects(RAYCLUSTER), "RayCluster")["spec"]
    assert cluster["rayVersion"] == pins("runtime.txt")["ray"]
    assert cluster["upgradeStrategy"] == {"type": "Recreate"}


def test_a_digest_wins_over_a_tag(chart: Chart):
    (container,) = role(chart.objects(EXTERNAL), "embedder")["spec"]["containers"]
    assert container["image"].startswith("registry.example/equal-stream@sha256:")


def test_the_roles_find_ray_at_the_service_that_kuberay_makes_for_the_head(chart: Chart):
    objects = chart.objects(RAYCLUSTER)
    cluster = one(objects, "RayCluster")["metadata"]["name"]
    settings = one(objects, "ConfigMap", "equal-stream")["data"]["equal-stream.yaml"]
    assert f"ray://{cluster}-head-svc.streams.svc:10001" in settings


def test_long_release_names_leave_room_for_what_is_put_after_them(chart: Chart):
    for each in chart.objects(
        merged(MINIMAL, {"fullnameOverride": "x" * 63, "ray": {"cluster": {"enabled": True}}})
    ):
        assert len(each["metadata"]["name"]) <= 50


def test_embedders_are_spread_over_nodes_and_not_all_drained_at_once(chart: Chart):
    objects = chart.objects(MINIMAL)
    (spread,) = role(objects, "embedder")["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    budget = one(objects, "PodDisruptionBudget")["spec"]
    labels = role(objects, "embedder")["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()


def test_monitors_find_the_roles_and_nothing_else(chart: Chart):
    for path, kind in ((EXTERNAL, "PodMonitor"), (RAYCLUSTER, "ServiceMonitor")):
        objects = chart.objects(path)
        selector = one(objects, kind)["spec"]["selector"]["matchLabels"]
        if kind == "ServiceMonitor":
            service = one(objects, "Service")
            assert selector.items() <= service["metadata"]["labels"].items()
            selector = service["spec"]["selector"]
        chosen = {
            name
            for name, pod in pods(objects).items()
            if selector.items() <= pod["metadata"]["labels"].items()
        }
        assert {name.rsplit("-", 1)[1] for name in chosen} == {"embedder", "clusterer", "allocator"}


def test_the_notes_say_what_to_do_next_and_what_is_missing(chart: Chart):
    notes = chart.notes(CHART / "ci" / "qdrant-cloud-values.yaml")
    for words in (
        "reference add",
        "crawl.documents on kafka:9092",
        "equal-stream status",
        "No LLM is configured",
    ):
        assert words in notes
    assert "20 embedders share 12 partitions" in notes
