"""`prompt-completion`: what is given and what is to be learned, as TRL's trainers take them."""

from typing import Any

from equal_stream.export.base import ExportOptions
from equal_stream.export.json_lines import JsonLinesFormat
from equal_stream.messages import QAPair


class PromptCompletionFormat(JsonLinesFormat):
    """`{"prompt": …, "completion": …}`; a system message goes before the prompt."""

    name = "prompt-completion"

    def row(self, pair: QAPair, options: ExportOptions) -> dict[str, Any]:
        """Return prompt and completion of a pair."""
        question = options.question(pair)
        return {
            "prompt": f"{options.system}\n\n{question}" if options.system else question,
            "completion": pair.answer,
        }
