"""What an export format is: it turns each pair into a row of a file that training libraries read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from equal_stream.messages import QAPair


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What rows hold besides question and answer.

    Parameters
    ----------
    system
        A system message for every row; empty: none.
    with_evidence
        Whether the evidence stands with the question, as the text to answer from.
    """

    system: str = ""
    with_evidence: bool = False

    def question(self, pair: QAPair) -> str:
        """Return the question as the user asks it, after its evidence if that is wanted."""
        return f"{pair.evidence.quote}\n\n{pair.question}" if self.with_evidence else pair.question


class ExportFormat(Protocol):
    """Writes one kind of file.

    Attributes
    ----------
    name
        What ``--format`` calls it.
    takes_options
        Whether `ExportOptions` matter to it.
    """

    name: str
    takes_options: bool

    def write(self, pairs: Iterator[QAPair], file: BinaryIO, options: ExportOptions) -> None:
        """Write the pairs, in their order, holding only a few at a time."""
        ...
