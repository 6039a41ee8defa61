"""Opens the log that the settings name."""

from equal_stream.settings import Settings
from equal_stream.transport.base import Transport
from equal_stream.transport.embedded import EmbeddedTransport
from equal_stream.transport.kafka import KafkaTransport

_EMBEDDED_SESSION_SECONDS = 10.0  # on one machine a silent member is dead, not far away


def open_transport(settings: Settings) -> Transport:
    """Return the embedded log under the data directory, or Kafka.

    Raises
    ------
    ConfigurationError
        When Kafka is asked for and no broker is named.
    TransportUnavailable
        When the file cannot be used; a broker that cannot be reached is told at the first use.
    """
    if settings.transport == "kafka":
        return KafkaTransport(settings)
    return EmbeddedTransport(
        settings.data_dir,
        settings.topics.prefix,
        session_timeout=min(_EMBEDDED_SESSION_SECONDS, settings.kafka.session_timeout_ms / 1000),
        max_poll_interval=settings.kafka.max_poll_interval_ms / 1000,
    )
