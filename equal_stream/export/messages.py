"""`messages`: chat turns under roles, as the OpenAI and Hugging Face chat formats have them."""

from typing import Any

from equal_stream.export.base import ExportOptions
from equal_stream.export.json_lines import JsonLinesFormat
from equal_stream.messages import QAPair


class MessagesFormat(JsonLinesFormat):
    """`{"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}`."""

    name = "messages"

    def row(self, pair: QAPair, options: ExportOptions) -> dict[str, Any]:
        """Return the turns of a pair."""
        turns = [("user", options.question(pair)), ("assistant", pair.answer)]
        if options.system:
            turns.insert(0, ("system", options.system))
        return {"messages": [{"role": role, "content": content} for role, content in turns]}
