"""Logs of a role: JSON lines for machines, coloured lines on a terminal; never a secret in either.

Every line carries the role; within `trace(...)` also the W3C trace id of the record in work, so that one
document can be followed from crawl to pair. Fields given as ``extra=`` become fields of the line.
"""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

from equal_stream.observability.secrets import Masking, secret_values
from equal_stream.settings import Settings

QUIET = (
    "httpx",
    "httpcore",
    "openai",
    "kafka",
    "urllib3",
    "filelock",
    "sentence_transformers",
)  # from WARNING up
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_trace: ContextVar[str] = ContextVar("equal_stream_trace", default="")


@contextlib.contextmanager
def trace(traceparent: str | None) -> Iterator[None]:
    """Mark the lines logged within as belonging to the trace of a `traceparent` header."""
    parts = (traceparent or "").split("-")
    token = _trace.set(parts[1] if len(parts) > 1 else "")
    try:
        yield
    finally:
        _trace.reset(token)


def configure_logging(settings: Settings, role: str) -> None:
    """Send this process's logs to stderr in the configured form; calling it again replaces the former.

    `observability.log_format` auto means coloured lines on a terminal and JSON everywhere else.
    """
    observability = settings.observability
    console = observability.log_format == "console" or (
        observability.log_format == "auto" and sys.stderr.isatty()
    )
    masking = Masking(secret_values(settings))
    handler = _console_handler() if console else logging.StreamHandler(sys.stderr)
    handler.setFormatter(ConsoleFormatter(role, masking) if console else JsonFormatter(role, masking))
    logging.basicConfig(level=observability.log_level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)  # it warns of each tenth of a second


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, role, logger, message, trace, exception, and what `extra` gave."""

    def __init__(self, role: str, masking: Masking) -> None:
        super().__init__()
        self._role = role
        self._masking = masking

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "role": self._role,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if _trace.get():
            line["trace"] = _trace.get()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return json.dumps(self._masking.value(extra | line), ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """The message with its role before it, for the coloured handler, which adds time and level."""

    def __init__(self, role: str, masking: Masking) -> None:
        super().__init__(f"{role}: %(message)s")
        self._masking = masking

    def format(self, record: logging.LogRecord) -> str:
        """Return the text for a record."""
        return self._masking.text(super().format(record))


def _console_handler() -> logging.Handler:
    return RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=False, markup=False)
