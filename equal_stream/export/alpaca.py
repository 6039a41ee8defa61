"""`alpaca`: instruction, input and output, as Stanford Alpaca's data set has them."""

from typing import Any

from equal_stream.export.base import ExportOptions
from equal_stream.export.json_lines import JsonLinesFormat
from equal_stream.messages import QAPair


class AlpacaFormat(JsonLinesFormat):
    """`{"instruction": …, "input": …, "output": …}`; evidence is the input."""

    name = "alpaca"

    def row(self, pair: QAPair, options: ExportOptions) -> dict[str, Any]:
        """Return the row of a pair."""
        row = {
            "instruction": pair.question,
            "input": pair.evidence.quote if options.with_evidence else "",
            "output": pair.answer,
        }
        return row | {"system": options.system} if options.system else row
