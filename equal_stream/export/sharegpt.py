"""`sharegpt`: turns from `human` and `gpt`, as ShareGPT's data sets and their readers have them."""

from typing import Any

from equal_stream.export.base import ExportOptions
from equal_stream.export.json_lines import JsonLinesFormat
from equal_stream.messages import QAPair


class ShareGptFormat(JsonLinesFormat):
    """`{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}`."""

    name = "sharegpt"

    def row(self, pair: QAPair, options: ExportOptions) -> dict[str, Any]:
        """Return the turns of a pair."""
        turns = [("human", options.question(pair)), ("gpt", pair.answer)]
        if options.system:
            turns.insert(0, ("system", options.system))
        return {"conversations": [{"from": who, "value": value} for who, value in turns]}
