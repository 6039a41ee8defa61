"""One role as a process: logs, metrics server, probes and stop signal around its loop."""

import contextlib
import logging
from collections.abc import Iterator

from equal_stream.errors import EqualStreamError
from equal_stream.observability.health import Health
from equal_stream.observability.logging import configure_logging
from equal_stream.observability.server import RoleServer
from equal_stream.observability.stopping import StopSignal
from equal_stream.settings import Settings

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def running(settings: Settings, role: str) -> Iterator[StopSignal]:
    """Give a role what every process needs, and yield the stop signal its loop looks at.

    Only the main thread may enter, since it takes over SIGTERM and SIGINT.

    Raises
    ------
    ConfigurationError
        The metrics server cannot listen on the configured address.
    """
    configure_logging(settings, role)
    observability = settings.observability
    stop = StopSignal(Health(observability.stalled_seconds))
    stop.listen()
    server = RoleServer(role, stop.health, observability.host, observability.port, settings.data_dir)
    _LOG.info("%s starts; metrics and probes at %s", role, server.url)
    try:
        yield stop
    except EqualStreamError as error:
        _LOG.error("%s ends: %s", role, error)
        raise
    except Exception:
        _LOG.exception("%s ends: a fault of this program", role)
        raise
    finally:
        server.close()
    _LOG.info("%s stopped in good order", role)
