"""The extraction workers as the allocator sees them: hand over a ticket, collect what ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.messages import JournalEntry


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that ended; `result` is None when its worker was lost and only the journal can tell."""

    ticket: Ticket
    passage: PassageText
    result: ExtractionResult | None


class Workers(Protocol):
    """Runs calls beside the allocator. `encode` and `recover` wait; the rest return at once."""

    def free(self) -> int:
        """Return how many more tickets can be handed over now."""
        ...

    def in_flight(self) -> int:
        """Return how many calls have not been collected yet."""
        ...

    def submit(self, ticket: Ticket, passage: PassageText) -> None:
        """Begin a call."""
        ...

    def finished(self, timeout: float) -> list[Finished]:
        """Collect the calls that ended, waiting at most `timeout` seconds for the first."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) for pair texts, as `extraction` embeds them."""
        ...

    def recover(self, ticket: Ticket, passage: PassageText, entry: JournalEntry) -> ExtractionResult:
        """Return the result of a call from its journaled response, without paying again."""
        ...

    def close(self) -> None:
        """Let the workers go; calls under way are abandoned."""
        ...
