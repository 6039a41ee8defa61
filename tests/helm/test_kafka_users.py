"""Each role can be a Kafka user of its own, so that it is allowed no more than it needs."""

from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, MINIMAL, Chart, Manifest, environment, merged, one, pods, role

USERS = CHART / "ci" / "kafka-users-values.yaml"
COMMON = yaml.safe_load((CHART / "ci" / "sasl-ssl-values.yaml").read_text())
ROLES = ("embedder", "clusterer", "allocator")
NAMES = {
    "Deployment/live-equal-stream-embedder": "embedder",
    "StatefulSet/live-equal-stream-clusterer": "clusterer",
    "StatefulSet/live-equal-stream-allocator": "allocator",
    "Job/live-equal-stream-topics": "administrator",
    "RayCluster/live-equal-stream-ray/head": "allocator",
}


def certificates(pod: Manifest) -> list[tuple[str, list[str]]]:
    """Return from which Secrets the files in the directory of certificates come, and which."""
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "kafka-tls"]
    sources: list[Any] = volume["projected"]["sources"]
    return [(each["secret"]["name"], [item["path"] for item in each["secret"]["items"]]) for each in sources]


def test_each_pod_is_its_own_user_with_its_own_password(chart: Chart):
    for name, pod in pods(chart.objects(USERS)).items():
        if name.startswith("RayCluster/"):
            continue  # its processes get the allocator's settings from the allocator
        variables, user = environment(pod), f"equal-stream-{NAMES[name]}"
        assert variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_USERNAME"] == user
        password = variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD"]
        assert password == {"secretKeyRef": {"name": user, "key": "password"}}


def test_each_pod_has_its_own_certificate_and_the_authority_of_all(chart: Chart):
    found = {name: certificates(pod) for name, pod in pods(chart.objects(USERS)).items()}
    assert found == {
        name: [
            ("cluster-cluster-ca-cert", ["ca.crt"]),
            (f"{user}-certificate", ["user.crt", "user.key"]),
        ]
        for name, user in NAMES.items()
    }


def test_no_pod_can_see_anothers_secrets(chart: Chart):
    for name, pod in pods(chart.objects(USERS)).items():
        for other in {*NAMES.values()} - {NAMES[name]}:
            assert f"equal-stream-{other}'" not in repr(environment(pod)), name
            assert f"{other}-certificate" not in repr(pod["spec"]["volumes"]), name


def test_keda_asks_kafka_as_the_embedder(chart: Chart):
    objects = chart.objects(USERS)
    authentication = one(objects, "TriggerAuthentication")["spec"]
    assert {each["parameter"]: each["name"] for each in authentication["secretTargetRef"]} == {
        "password": "equal-stream-embedder",
        "ca": "cluster-cluster-ca-cert",
        "cert": "embedder-certificate",
        "key": "embedder-certificate",
    }
    (username,) = authentication["configMapTargetRef"]
    assert one(objects, "ConfigMap", username["name"])["data"] == {"username": "equal-stream-embedder"}


def test_a_role_without_a_user_of_its_own_is_the_common_one(chart: Chart):
    own = {"allocator": {"kafkaUser": {"name": "spender", "passwordSecret": "s", "passwordKey": "k"}}}
    objects = chart.objects(merged(COMMON, own))
    variables = environment(role(objects, "allocator"))
    assert variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_USERNAME"] == "spender"
    password = {"secretKeyRef": {"name": "s", "key": "k"}}
    assert variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD"] == password
    for name in ("embedder", "clusterer"):
        variables = environment(role(objects, name))
        assert "EQUAL_STREAM_KAFKA__SASL_PLAIN_USERNAME" not in variables
        password = {"secretKeyRef": {"name": "kafka-user", "key": "password"}}
        assert variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD"] == password
    for name in ROLES:
        (volume,) = [each for each in role(objects, name)["spec"]["volumes"] if each["name"] == "kafka-tls"]
        assert volume["secret"]["secretName"] == "kafka-certificates"


@pytest.mark.parametrize(
    "absent", [None, dict.fromkeys(("name", "passwordSecret", "passwordKey", "tlsSecret"))]
)
def test_a_user_that_is_null_or_unknown_to_the_values_of_before_is_the_common_one(
    chart: Chart, absent: Manifest | None
):
    # `helm upgrade --reuse-values` renders without the defaults of values that are new, as null does.
    without: Manifest = {each: {"kafkaUser": absent} for each in (*ROLES, "topics")}
    assert chart.objects(merged(COMMON, without)) == chart.objects(COMMON)
    minimal = merged(MINIMAL, {**without, "storeTls": None})
    assert chart.objects(minimal) == chart.objects(MINIMAL)


def test_the_notes_say_that_the_allocators_own_user_is_no_operator(chart: Chart):
    assert "topics acls --role operator" in chart.notes(USERS)
    assert "topics acls --role operator" not in chart.notes(CHART / "ci" / "sasl-ssl-values.yaml")


def test_names_that_yaml_reads_as_numbers_stay_text(chart: Chart):
    own = {"passwordSecret": "12345", "passwordKey": "678", "tlsSecret": "999"}
    tls = {"secretName": "777", "ca": "1", "certificate": "2", "key": "3"}
    changed = merged(yaml.safe_load(USERS.read_text()), {"embedder": {"kafkaUser": own}, "kafkaTls": tls})
    objects = chart.objects(changed)
    embedder = role(objects, "embedder")
    assert environment(embedder)["EQUAL_STREAM_KAFKA__SASL_PLAIN_PASSWORD"] == {
        "secretKeyRef": {"name": "12345", "key": "678"}
    }
    assert certificates(embedder) == [("777", ["1"]), ("999", ["2", "3"])]
    references = one(objects, "TriggerAuthentication")["spec"]["secretTargetRef"]
    assert all(isinstance(each[name], str) for each in references for name in ("name", "key"))
    for each in yaml.safe_load_all(chart.text(yaml.safe_dump(MINIMAL), "--namespace", "777")):
        assert each["metadata"]["namespace"] == "777"


def test_a_name_with_what_kubernetes_would_expand_arrives_as_it_is(chart: Chart):
    own = {"embedder": {"kafkaUser": {"name": "$(RAY_AUTH_MODE)", "passwordSecret": "s"}}}
    variables = environment(role(chart.objects(merged(COMMON, own)), "embedder"))
    # A doubled $ is how Kubernetes writes one that it does not look behind.
    assert variables["EQUAL_STREAM_KAFKA__SASL_PLAIN_USERNAME"] == "$$(RAY_AUTH_MODE)"
