"""What a Qdrant server answers at its root, without a Qdrant server."""

import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedServer(ThreadingHTTPServer):
    """Answers with the statuses it was given, one a request, then tells its version; it has no collections.

    `keys` are the API keys that requests carried. With a `context` it speaks TLS.
    """

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.statuses: list[int] = []
        self.version = "1.20.0"
        self.keys: list[str | None] = []
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.keys.append(self.headers.get("api-key"))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        told: dict[str, object] = {"title": "qdrant", "version": self.server.version}
        if self.path == "/collections":
            told = {"result": {"collections": []}}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
