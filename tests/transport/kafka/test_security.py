"""What settings become for the client: options under their own names, and secrets unwrapped."""

from pathlib import Path
from uuid import uuid4

import pytest
from kafka.net.sasl.oauth import AbstractTokenProvider
from pydantic import SecretStr

from deploy.kafka.local_broker import LocalBroker
from equal_stream.errors import ConfigurationError
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import OutgoingRecord, Record, TopicSpec
from equal_stream.transport.exceptions import TransportUnavailable
from equal_stream.transport.factory import open_transport
from equal_stream.transport.kafka import connection
from equal_stream.transport.kafka.connection import connection_options, consumer_options, producer_options


class Tokens(AbstractTokenProvider):
    """A provider of one token."""

    def token(self) -> str:
        return "token"


def test_every_security_option_reaches_the_client() -> None:
    given = {
        "client_id": "me",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "user",
        "sasl_kerberos_service_name": "broker",
        "sasl_kerberos_domain_name": "example.org",
        "ssl_check_hostname": False,
        "ssl_ciphers": "HIGH",
    }
    secret = {"sasl_plain_password": "p1", "ssl_password": "p2"}
    files = {
        name: f"/etc/{name}.pem" for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
    }
    settings = KafkaSettings(
        bootstrap_servers="a:1, b:2",
        **given,
        **{name: SecretStr(value) for name, value in secret.items()},
        **{name: Path(value) for name, value in files.items()},
    )
    for options in (
        connection_options(settings),
        consumer_options(settings, "g"),
        producer_options(settings, "i"),
    ):
        assert options["bootstrap_servers"] == ["a:1", "b:2"]
        assert (
            given.items() | secret.items() | files.items()
            <= {name: value for name, value in options.items() if isinstance(value, str | bool)}.items()
        )


def test_every_option_of_the_settings_is_used() -> None:
    used = {
        *connection_options(KafkaSettings(bootstrap_servers="a:1")),
        *consumer_options(KafkaSettings(bootstrap_servers="a:1"), "g"),
        *producer_options(KafkaSettings(bootstrap_servers="a:1"), "i"),
    }
    assert set(KafkaSettings.model_fields) - used == {"sasl_oauth_token_provider"}


def test_an_oauth_token_provider_is_imported_by_name() -> None:
    settings = KafkaSettings(
        bootstrap_servers="a:1", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=f"{__name__}:Tokens"
    )
    assert connection_options(settings)["sasl_oauth_token_provider"].token() == "token"


@pytest.mark.parametrize("provider", [None, "no.such.module:Tokens", f"{__name__}:Absent", "nonsense"])
def test_a_token_provider_that_cannot_be_had_is_one_sentence(provider: str | None) -> None:
    settings = KafkaSettings(
        bootstrap_servers="a:1", sasl_mechanism="OAUTHBEARER", sasl_oauth_token_provider=provider
    )
    with pytest.raises(ConfigurationError, match="sasl_oauth_token_provider"):
        connection_options(settings)


def test_no_broker_named_is_one_sentence_that_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS"):
        open_transport(Settings(transport="kafka"))


def secured(broker: LocalBroker, **changes: object) -> Settings:
    """Settings for the listener with TLS, as an operator would give them."""
    given = {
        "bootstrap_servers": broker.tls_bootstrap,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": broker.sasl_username,
        "sasl_plain_password": SecretStr(broker.sasl_password),
        "ssl_cafile": broker.certificate,
    }
    return Settings(
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(**{**given, **changes}),
    )


def without_tls(broker: LocalBroker, password: str) -> Settings:
    return secured(
        broker,
        bootstrap_servers=broker.sasl_bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_plain_password=SecretStr(password),
        ssl_cafile=None,
    )


def round_trip(settings: Settings) -> None:
    """Create a topic, write to it in a transaction, read it as a member of a group, and commit."""
    transport = open_transport(settings)
    transport.create_topics([TopicSpec("t", 1, "delete", -1, 1000)])
    with transport.producer("id").transaction() as transaction:
        transaction.send(OutgoingRecord("t", b"k", b"v"))
    member = transport.member(["t"], "g")
    found: list[Record] = []
    while not found:
        found = member.poll(10, 5)
    assert [each.value for each in found] == [b"v"]
    member.commit(member.positions())
    assert transport.group_positions("g", ["t"]) == member.positions()
    member.close()
    transport.close()


@pytest.mark.kafka
def test_a_broker_that_asks_for_a_password_is_used_with_the_right_one(kafka_broker: LocalBroker) -> None:
    round_trip(without_tls(kafka_broker, kafka_broker.sasl_password))


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_broker_behind_tls_is_used_with_each_mechanism(kafka_broker: LocalBroker, mechanism: str) -> None:
    round_trip(secured(kafka_broker, sasl_mechanism=mechanism))


def refusal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what is said when a broker cannot be used."""
    monkeypatch.setattr(connection, "BOOTSTRAP_SECONDS", 2.0)
    transport = open_transport(settings)
    try:
        with pytest.raises(TransportUnavailable) as caught:
            transport.topics()
    finally:
        transport.close()
    return str(caught.value)


@pytest.mark.kafka
def test_a_wrong_password_is_one_sentence_without_it(
    kafka_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(without_tls(kafka_broker, "wrong-password"), monkeypatch)
    assert "credentials" in said
    assert "wrong-password" not in said


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_so_it_is_behind_tls(
    kafka_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    wrong = secured(kafka_broker, sasl_mechanism=mechanism, sasl_plain_password=SecretStr("wrong-password"))
    said = refusal(wrong, monkeypatch)
    assert "credentials" in said
    assert "wrong-password" not in said


@pytest.mark.kafka
def test_a_certificate_that_nobody_vouches_for_is_refused(
    kafka_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(secured(kafka_broker, ssl_cafile=None), monkeypatch)
    assert "certificate" in said
    assert kafka_broker.sasl_password not in said
