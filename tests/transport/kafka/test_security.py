"""What settings become for the client: options under their own names, and secrets unwrapped."""

from pathlib import Path
from uuid import uuid4

import pytest
from kafka.net.sasl.oauth import AbstractTokenProvider
from pydantic import SecretStr

from deploy.kafka.local_broker import LocalBroker
from equal_stream.errors import ConfigurationError
from equal_stream.settings import KafkaSettings, Settings, TopicSettings
from equal_stream.transport.base import OutgoingRecord, TopicSpec
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


def with_password(broker: LocalBroker, password: str) -> Settings:
    return Settings(
        transport="kafka",
        topics=TopicSettings(prefix=f"t{uuid4().hex[:8]}."),
        kafka=KafkaSettings(
            bootstrap_servers=broker.sasl_bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username=broker.sasl_username,
            sasl_plain_password=SecretStr(password),
        ),
    )


@pytest.mark.kafka
def test_a_broker_that_asks_for_a_password_is_used_with_the_right_one(kafka_broker: LocalBroker) -> None:
    transport = open_transport(with_password(kafka_broker, kafka_broker.sasl_password))
    transport.create_topics([TopicSpec("t", 1, "delete", -1, 1000)])
    with transport.producer("id").transaction() as transaction:
        transaction.send(OutgoingRecord("t", b"k", b"v"))
    (found,) = transport.reader(["t"]).poll(10, 20)
    assert found.value == b"v"
    transport.close()


@pytest.mark.kafka
def test_a_wrong_password_is_one_sentence_without_it(
    kafka_broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BOOTSTRAP_SECONDS", 2.0)
    transport = open_transport(with_password(kafka_broker, "wrong-password"))
    with pytest.raises(TransportUnavailable, match="credentials") as caught:
        transport.topics()
    assert "wrong-password" not in str(caught.value)
    transport.close()
