"""The newest pairs as a table that moves, for people at a terminal."""

from collections import deque
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from equal_stream.messages import QAPair

_SHOWN = 12
_TABLE_WIDTH = 160  # where the output is no terminal


class LiveTable:
    """Shows the newest pairs, and counts what came and what was withdrawn; a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console()
        if not console.is_terminal:
            console.width = _TABLE_WIDTH
        self._newest: deque[QAPair] = deque(maxlen=_SHOWN)
        self._pairs = 0
        self._withdrawn = 0
        self._live = Live(console=console, auto_refresh=False, get_renderable=self._render)

    def __enter__(self) -> "LiveTable":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def pair(self, pair: QAPair) -> None:
        """Take a pair."""
        self._pairs += 1
        self._newest.append(pair)

    def withdrawn(self, qa_id: str) -> None:
        """Take a withdrawal."""
        self._withdrawn += 1
        kept = [pair for pair in self._newest if pair.qa_id != qa_id]
        self._newest = deque(kept, maxlen=_SHOWN)

    def flush(self) -> None:
        """Draw."""
        self._live.refresh()

    def gone(self) -> bool:
        """Return False: a terminal stays."""
        return False

    def _render(self) -> RenderableType:
        table = Table(title=f"{self._pairs:,} pairs, {self._withdrawn:,} withdrawn", title_justify="left")
        table.add_column("gain", justify="right")
        for heading in ("target", "question", "answer", "from"):
            table.add_column(heading, overflow="ellipsis", no_wrap=heading != "question")
        for pair in self._newest:
            texts = (pair.target, pair.question, pair.answer, pair.url)
            table.add_row(f"{pair.gain:.4f}", *(Text(" ".join(text.split())) for text in texts))
        return table
