"""Opens the log that the settings name."""

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings
from equal_stream.transport.base import Transport
from equal_stream.transport.embedded import EmbeddedTransport


def open_transport(settings: Settings) -> Transport:
    """Return the embedded log under the data directory, or Kafka.

    Raises
    ------
    ConfigurationError
        When Kafka is asked for and no broker is named.
    TransportUnavailable
        When the file or the broker cannot be reached.
    """
    prefix = settings.topics.prefix
    if settings.transport == "embedded":
        return EmbeddedTransport(
            settings.data_dir, prefix, max_poll_interval=settings.kafka.max_poll_interval_ms / 1000
        )
    raise ConfigurationError(
        "the transport is kafka but no broker is named: set EQUAL_STREAM_KAFKA__BOOTSTRAP_SERVERS "
        "to host:port, or EQUAL_STREAM_TRANSPORT to embedded"
    )
