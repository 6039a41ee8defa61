"""Values that contradict each other stop with a sentence that says what to set."""

import pytest

from tests.helm.chart import MINIMAL, Chart, Manifest, Refused, merged

LLM = {"base_url": "http://vllm:8000/v1", "model": "m", "in_mtok_cost": 0, "out_mtok_cost": 0}
SASL = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}
USER = {"name": "u", "passwordSecret": "s"}
CASES: list[tuple[Manifest, str]] = [
    ({"config": {"kafka": {"bootstrap_servers": ""}}}, "No Kafka broker is named"),
    ({"config": {"kafka": {"security_protocol": "SASL_SSL"}}}, "set config.kafka.sasl_mechanism"),
    ({"config": {"kafka": SASL}}, "needs a user and a password"),
    ({"config": {"kafka": {"sasl_mechanism": "PLAIN"}}}, "set it to SASL_SSL or SASL_PLAINTEXT"),
    ({"secrets": {"kafkaPassword": {"name": "s"}}}, "set it to SASL_SSL or SASL_PLAINTEXT"),
    ({"kafkaTls": {"secretName": "s"}}, "set it to SSL or SASL_SSL"),
    (
        {"config": {"kafka": {"security_protocol": "SSL"}}, "kafkaTls": {"secretName": "s", "key": "k"}},
        "both kafkaTls.certificate and kafkaTls.key",
    ),
    (
        {
            "config": {"kafka": {"security_protocol": "SSL", "ssl_cafile": "/ca"}},
            "kafkaTls": {"secretName": "s"},
        },
        "use one of them",
    ),
    (
        {"config": {"kafka": {"security_protocol": "SSL"}}, "kafkaTls": {"certificate": "c", "key": "k"}},
        "set kafkaTls.secretName",
    ),
    ({"embedder": {"kafkaUser": {"name": "u"}}}, "embedder.kafkaUser needs both name and passwordSecret"),
    (
        {"topics": {"kafkaUser": {"passwordSecret": "s"}}},
        "topics.kafkaUser needs both name and passwordSecret",
    ),
    ({"clusterer": {"kafkaUser": USER}}, "clusterer.kafkaUser.name is set, but Kafka asks for no name"),
    (
        {"config": {"kafka": SASL}, "embedder": {"kafkaUser": USER}, "clusterer": {"kafkaUser": USER}},
        "or allocator.kafkaUser",
    ),
    ({"allocator": {"kafkaUser": {"tlsSecret": "s"}}}, "set kafkaTls.secretName, kafkaTls.certificate"),
    ({"config": {"llm": {**LLM, "model": ""}}}, "set config.llm.model"),
    ({"config": {"llm": {**LLM, "out_mtok_cost": None}}}, "without its prices"),
    ({"config": {"llm": LLM}}, "without a cap"),
    ({"config": {"llm": {"model": "m"}}}, "without an endpoint"),
    ({"secrets": {"llmApiKey": {"name": "s"}}}, "without an endpoint"),
    ({"ray": {"address": "ray://r:10001", "cluster": {"enabled": True}}}, "use one of them"),
    ({"ray": {"address": "ray://r:10001"}}, "set ray.auth.existingSecret"),
    ({"ray": {"auth": {"mode": "disabled"}}}, "leave ray.auth.mode at token"),
    ({"config": {"store": {"url": ""}}}, "no place for passages"),
    (
        {
            "config": {"store": {"url": ""}},
            "ray": {"cluster": {"enabled": True}},
            "secrets": {"storeApiKey": {"name": "s"}},
        },
        "key of a Qdrant server",
    ),
    (
        {"config": {"store": {"url": "https://q:6333"}}, "storeTls": {"secretName": "s", "ca": ""}},
        "set storeTls.ca",
    ),
    (
        {"config": {"store": {"url": "https://q:6333"}}, "storeTls": {"secretName": "s", "ca": None}},
        "set storeTls.ca",
    ),
    ({"storeTls": {"secretName": "s"}}, "does not begin with https://"),
    (
        {
            "config": {"store": {"url": "https://qdrant:6333", "ca_file": "/ca"}},
            "storeTls": {"secretName": "s"},
        },
        "use one of them",
    ),
    (
        {"embedder": {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 2}}},
        "minReplicas is more than maxReplicas",
    ),
    (
        {
            "config": {"kafka": {**SASL, "sasl_mechanism": "OAUTHBEARER"}},
            "embedder": {"autoscaling": {"enabled": True}},
        },
        "TriggerAuthentication of yours",
    ),
    (
        {"metrics": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        "enable one of them",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), CASES)
def test_a_contradiction_stops_with_a_sentence(chart: Chart, change: Manifest, sentence: str):
    with pytest.raises(Refused) as refused:
        chart.objects(merged(MINIMAL, change))
    said = next(line for line in str(refused.value).splitlines() if sentence in line)
    assert said.endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 3},
        {"config": {"llm": {"modell": "m"}}},
        {"config": {"transport": "embedded"}},
        {"config": {"data_dir": "/data"}},
        {"config": {"ray": {"address": "ray://r:10001"}}},
        {"config": {"observability": {"port": 9000}}},
        {"config": {"budget": {"usd_total": "ten"}}},
        {"ray": {"address": "r:6379"}},
        {"image": {"digest": "abc"}},
        {"allocator": {"terminationGracePeriodSeconds": 30}},
        {"security": {"runAsUser": 0}},
    ],
    ids=str,
)
def test_a_value_that_does_not_exist_or_cannot_be_is_refused_by_the_schema(chart: Chart, change: Manifest):
    with pytest.raises(Refused, match="values don't meet the specifications of the schema"):
        chart.objects(merged(MINIMAL, change))
