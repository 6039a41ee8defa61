"""Formats that are one JSON object a line differ in nothing but the object."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from equal_stream.export.base import ExportOptions
from equal_stream.messages import QAPair


class JsonLinesFormat(ABC):
    """Writes `row` of each pair as a line."""

    name: str
    takes_options = True

    @abstractmethod
    def row(self, pair: QAPair, options: ExportOptions) -> dict[str, Any]:
        """Return the object of a pair; every pair has the same fields."""

    def write(self, pairs: Iterator[QAPair], file: BinaryIO, options: ExportOptions) -> None:
        """Write the pairs."""
        file.writelines(msgspec.json.encode(self.row(pair, options)) + b"\n" for pair in pairs)
