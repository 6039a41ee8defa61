"""Whoever can be asked for the pairs of a passage: the LLM, or the offline extractor.

An answer is a journal entry, ready to be stored. A call without an answer says how it ended, because
that decides who pays.
"""

from typing import Literal, Protocol

import msgspec

from equal_stream.extraction.base import PassageText, Ticket
from equal_stream.messages import JournalEntry


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A call that brought no answer.

    Parameters
    ----------
    status
        unsent: certainly not billed. unknown: it may have been billed.
    reason
        A short word for counters, as in `ExtractionResult.reason`.
    error
        One sentence: what happened and what to do.
    """

    status: Literal["unknown", "unsent"]
    reason: str
    error: str


class Asker(Protocol):
    """Asks for the pairs of a passage, once a ticket permits it. Never raises."""

    async def ask(self, ticket: Ticket, passage: PassageText) -> JournalEntry | NoAnswer:
        """Return the raw answer with its bill, or how the call ended without one."""
        ...

    async def close(self) -> None:
        """Free what was opened."""
        ...
