"""The small HTTP server of every role: /metrics, /healthz, /readyz and /status.

On port 0 it takes a free port. Where it listens is written to `<data_dir>/run/<role>.json`, which
`equal-stream status` reads; the file goes away when the server closes.
"""

import json
import logging
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from equal_stream.errors import ConfigurationError
from equal_stream.observability import metrics
from equal_stream.observability.health import Health
from equal_stream.observability.run_files import forget_role, record_role

_LOG = logging.getLogger(__name__)
_PATIENCE_SECONDS = 30.0  # with who connects and asks nothing: each takes a thread
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - an address to replace, not to bind


class RoleServer:
    """Serves one role's metrics and probes from a thread of its own.

    Parameters
    ----------
    role
        Name of the role, such as ``embedder``.
    health
        What the probes report.
    host, port
        Where to listen; port 0 takes a free one.
    data_dir
        Under which the run file goes.

    Raises
    ------
    ConfigurationError
        The address cannot be listened on.
    """

    def __init__(self, role: str, health: Health, host: str, port: int, data_dir: Path) -> None:
        self.role = role
        self.health = health
        try:
            self._server = _Server((host, port), _handler(role, health))
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({error.strerror}); "
                "set observability.port to a free port, or to 0 for any"
            ) from error
        self.url = f"http://{_EVERYWHERE.get(host, host)}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="observability", daemon=True)
        self._thread.start()
        self._run_file = self._record(data_dir)

    def _record(self, data_dir: Path) -> Path | None:
        try:
            return record_role(data_dir, self.role, self.url)
        except OSError as error:
            # The role works without it; only `status` on this machine sees less.
            _LOG.warning("where this role listens cannot be written under %s: %s", data_dir, error.strerror)
            return None

    def close(self) -> None:
        """Stop listening and remove the run file."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._run_file is not None:
            forget_role(self._run_file)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong in the log; who asked and did not wait for the answer is nothing to say."""
        del request
        error = sys.exception()
        if isinstance(error, ConnectionError | TimeoutError):
            _LOG.debug("%s went away: %s", client_address, error)
        else:
            _LOG.error("an answer to %s failed", client_address, exc_info=error)


def _handler(role: str, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers the four paths."""

        timeout = _PATIENCE_SECONDS
        server_version = "equal-stream"
        sys_version = ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    metrics.READY.labels(role).set(health.ready)
                    self._answer(HTTPStatus.OK, metrics.exposition(), CONTENT_TYPE_LATEST)
                case "/healthz":
                    alive = {"alive": health.alive, "silent_seconds": round(health.silent_seconds, 3)}
                    self._answer_json(_status(health.alive), alive)
                case "/readyz":
                    self._answer_json(_status(health.ready), {"ready": health.ready, "reason": health.reason})
                case "/status":
                    self._answer_json(HTTPStatus.OK, {"role": role, **health.status()})
                case _:
                    known = "/metrics, /healthz, /readyz and /status"
                    self._answer_json(HTTPStatus.NOT_FOUND, {"error": f"there are {known}"})

        def _answer_json(self, status: HTTPStatus, body: dict[str, Any]) -> None:
            self._answer(status, json.dumps(body, default=str).encode(), "application/json")

        def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            _LOG.debug(format, *args)

    return Handler


def _status(good: bool) -> HTTPStatus:
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
