"""Rules that span settings: each is one sentence that says what to set."""

from collections.abc import Callable

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.settings_rules import (
    problems,
    require_llm_ready,
    require_passages_ready,
    require_role_ready,
    require_transport_ready,
)
from equal_stream.settings_sources import load_settings

LLM = {
    "llm.base_url": "http://localhost:1/v1",
    "llm.model": "m",
    "llm.in_mtok_cost": "0.1",
    "llm.out_mtok_cost": "0.4",
    "budget.usd_total": "5",
}


def refused(rule: Callable[[Settings], None], flags: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        rule(load_settings(flags=flags))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in LLM.items() if name not in names}


def test_the_defaults_need_nothing() -> None:
    assert problems(Settings()) == []


def test_a_complete_llm_is_ready() -> None:
    require_llm_ready(load_settings(flags=LLM))
    require_llm_ready(load_settings(flags=without("budget.usd_total") | {"budget.tokens_total": "1000"}))


def test_an_llm_without_a_model_is_refused() -> None:
    assert "llm.model is not" in refused(require_llm_ready, without("llm.model"))


@pytest.mark.parametrize("price", ["llm.in_mtok_cost", "llm.out_mtok_cost"])
def test_an_unknown_price_refuses_to_start_and_zero_must_be_said(price: str) -> None:
    assert price in refused(require_llm_ready, without(price))
    require_llm_ready(load_settings(flags=LLM | {price: "0"}))


def test_an_llm_without_a_total_cap_is_refused_even_with_an_hourly_one() -> None:
    said = refused(require_llm_ready, without("budget.usd_total") | {"budget.usd_per_hour": "1"})
    assert "budget.usd_total or budget.tokens_total" in said


def test_a_model_without_an_endpoint_is_a_mistake() -> None:
    assert "llm.base_url is empty" in refused(require_llm_ready, {"llm.model": "m"})


def test_an_endpoint_is_an_http_address() -> None:
    assert "http://" in refused(require_llm_ready, LLM | {"llm.base_url": "localhost:1234"})


def test_kafka_needs_a_broker_by_host_and_port() -> None:
    assert "EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS" in refused(require_transport_ready, {"transport": "kafka"})
    wrong = {"transport": "kafka", "kafka.bootstrap_servers": "a:9092, b"}
    assert '"b"; expected host:port' in refused(require_transport_ready, wrong)
    require_transport_ready(load_settings(flags=wrong | {"kafka.bootstrap_servers": "a:9092,[::1]:9093"}))


def test_a_broker_without_the_kafka_transport_is_a_mistake_unless_embedded_is_said() -> None:
    broker = {"kafka.bootstrap_servers": "a:9092"}
    assert "set transport to kafka" in refused(require_transport_ready, broker)
    require_transport_ready(load_settings(flags=broker | {"transport": "embedded"}))


def test_sasl_needs_its_mechanism_and_credentials() -> None:
    kafka = {"transport": "kafka", "kafka.bootstrap_servers": "a:1", "kafka.security_protocol": "SASL_SSL"}
    assert "kafka.sasl_mechanism" in refused(require_transport_ready, kafka)
    scram = kafka | {"kafka.sasl_mechanism": "SCRAM-SHA-512"}
    assert "kafka.sasl_plain_password" in refused(require_transport_ready, scram)
    complete = scram | {"kafka.sasl_plain_username": "u", "kafka.sasl_plain_password": "p"}
    require_transport_ready(load_settings(flags=complete))


def test_a_certificate_that_is_not_there_is_named() -> None:
    kafka = {"transport": "kafka", "kafka.bootstrap_servers": "a:1", "kafka.ssl_cafile": "/absent/ca.pem"}
    assert "kafka.ssl_cafile names /absent/ca.pem" in refused(require_transport_ready, kafka)


def test_passage_lengths_fit_into_each_other() -> None:
    assert "300" in refused(require_passages_ready, {"passages.target_tokens": "300"})


@pytest.mark.parametrize("role", ["embedder", "allocator"])
def test_a_role_of_its_own_needs_a_store_that_others_can_reach(role: str) -> None:
    said = refused(lambda settings: require_role_ready(settings, role), {})
    assert "store.url" in said
    assert "ray.address" in said
    for flags in ({"store.url": "http://q:6333"}, {"ray.address": "ray-head:6379"}):
        require_role_ready(load_settings(flags=flags), role)


def test_the_clusterer_needs_only_the_log() -> None:
    require_role_ready(Settings(), "clusterer")


def test_all_problems_are_listed_together() -> None:
    found = problems(load_settings(flags={"transport": "kafka", "llm.model": "m"}))
    assert len(found) == 2
