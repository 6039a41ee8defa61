"""Client options from settings; the only place where Kafka's secrets are unwrapped."""

import importlib
from typing import Any

from pydantic import SecretStr

from equal_stream.errors import ConfigurationError
from equal_stream.settings import KafkaSettings
from equal_stream.transport.kafka.partitioner import KeyPartitioner

BOOTSTRAP_SECONDS = 15.0  # how long a broker may take to answer before it counts as unreachable
MAX_RECORD_BYTES = 11 << 20  # the largest topic takes 10 MB; its dead letters carry a little more
FETCH_BYTES = 48 << 20  # fetched ahead and not yet polled, at most
_PASSED_AS_THEY_ARE = (
    "client_id",
    "security_protocol",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "sasl_kerberos_service_name",
    "sasl_kerberos_domain_name",
    "ssl_check_hostname",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_crlfile",
    "ssl_ciphers",
)


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return what consumers, producers and the admin client have in common.

    Raises
    ------
    ConfigurationError
        When no broker is named, or the OAUTHBEARER token provider cannot be imported.
    """
    if not settings.bootstrap_servers.strip():
        raise ConfigurationError(
            "the transport is kafka but no broker is named: set EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS "
            "to host:port, or EQUAL_STREAM_TRANSPORT to embedded"
        )
    servers = [each.strip() for each in settings.bootstrap_servers.split(",") if each.strip()]
    return {
        "bootstrap_servers": servers,
        "bootstrap_timeout_ms": int(BOOTSTRAP_SECONDS * 1000),
        "reconnect_backoff_max_ms": 2_000,  # a broker that comes back is found within seconds
        "metrics_enabled": False,  # the roles count for themselves
        **{name: _plain(getattr(settings, name)) for name in _PASSED_AS_THEY_ARE},
        **_token_provider(settings),
    }


def consumer_options(settings: KafkaSettings, group: str | None) -> dict[str, Any]:
    """Return the options of a consumer that reads committed records and commits nothing by itself."""
    return {
        **connection_options(settings),
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": min(3_000, settings.session_timeout_ms // 3),
        "max_poll_interval_ms": settings.max_poll_interval_ms,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": 4 << 20,
    }


def producer_options(settings: KafkaSettings, transactional_id: str | None) -> dict[str, Any]:
    """Return the options of an idempotent producer, transactional if it has an id.

    A record that is not delivered within the transaction's time is given up, and its batch with it. No
    compression: the codecs worth having are optional packages, also for whoever reads.
    """
    request_ms = min(30_000, max(1_000, settings.transaction_timeout_ms // 2))
    linger_ms = 10
    options = {
        **connection_options(settings),
        "acks": "all",
        "enable_idempotence": True,
        "partitioner": KeyPartitioner(),
        "allow_auto_create_topics": False,
        "linger_ms": linger_ms,
        "batch_size": 256 << 10,
        "max_request_size": MAX_RECORD_BYTES,
        "max_block_ms": settings.transaction_timeout_ms,
        "request_timeout_ms": request_ms,
        "delivery_timeout_ms": max(settings.transaction_timeout_ms, request_ms + linger_ms + 1),
    }
    if transactional_id is not None:
        options["transactional_id"] = transactional_id
        options["transaction_timeout_ms"] = settings.transaction_timeout_ms
    return options


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if value is None or isinstance(value, str | bool) else str(value)


def _token_provider(settings: KafkaSettings) -> dict[str, object]:
    """Import and make the token provider that OAUTHBEARER asks for: ``package.module:Class``."""
    if settings.sasl_mechanism != "OAUTHBEARER":
        return {}
    name = settings.sasl_oauth_token_provider or ""
    module, _, attribute = name.partition(":")
    try:
        provider = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            "OAUTHBEARER needs kafka.sasl_oauth_token_provider as package.module:Class of a "
            f"kafka.net.sasl.oauth.AbstractTokenProvider, and {name!r} is none ({error})"
        ) from error
    return {"sasl_oauth_token_provider": provider()}
