"""Runs the server on a socket until it is told to stop."""

import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


class _OnPurpose(logging.Filter):
    """Leaves out complaints about responses that break off and about what is dropped when stopping."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return "without completing response" not in message and "graceful shutdown" not in message


def listen(host: str, port: int, port_file: Path | None = None) -> socket.socket:
    """Return a listening socket; port 0 takes a free one, whose number will go into `port_file`.

    Raises
    ------
    ListenError
        The host is unknown, the port is taken, or there is no folder for the port file.
    """
    if port_file is not None and not port_file.parent.is_dir():
        raise ListenError(f"port file {port_file} cannot be written: its folder does not exist")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def serve(
    app: Starlette, listener: socket.socket, port_file: Path | None, *, until_stdin_closes: bool
) -> None:
    """Serve until SIGTERM or SIGINT; what is being processed then is dropped, unbilled.

    Parameters
    ----------
    port_file
        Where to write the port, once requests are accepted.
    until_stdin_closes
        Also stop when standard input ends, which is how a child learns that its parent is gone.
    """
    config = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=0
    )
    logging.getLogger("uvicorn.error").addFilter(_OnPurpose())
    server = uvicorn.Server(config)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it has stopped; this makes that harmless and the exit code 0.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    if port_file is not None:
        written = port_file.with_name(port_file.name + ".partial")
        written.write_text(f"{listener.getsockname()[1]}\n")
        written.replace(port_file)
    server.run(sockets=[listener])


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 1024):  # not sys.stdin: its lock would be held at exit
        pass
    server.should_exit = True
