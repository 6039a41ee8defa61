"""How an endpoint wants to be asked: servers call themselves OpenAI-compatible and differ in two parameters.

Structured output: ``response_format`` json_schema, or only json_object, or none at all (the prompt asks
for JSON in words as well). The output limit: ``max_tokens``, which nearly all take, or
``max_completion_tokens``, which newer OpenAI models insist on. We begin with the first of each, step on
when the server refuses it with 400 or 422, and remember what was answered.
"""

from typing import Any

import msgspec
import openai

from equal_stream.extraction.prompt import RESPONSE_SCHEMA

_FORMATS: tuple[dict[str, Any] | None, ...] = (
    {
        "type": "json_schema",
        "json_schema": {"name": "question_answer_pairs", "strict": True, "schema": RESPONSE_SCHEMA},
    },
    {"type": "json_object"},
    None,
)
_LIMITS = ("max_tokens", "max_completion_tokens")
_REFUSALS = frozenset({400, 422})


class Dialect(msgspec.Struct, frozen=True):
    """One way to ask: indexes into the known formats and output limits."""

    format: int = 0
    limit: int = 0

    def parameters(self, max_output_tokens: int) -> dict[str, Any]:
        """Return the request parameters that differ between servers."""
        parameters: dict[str, Any] = {_LIMITS[self.limit]: max_output_tokens}
        if (response_format := _FORMATS[self.format]) is not None:
            parameters["response_format"] = response_format
        return parameters

    def after(self, refusal: openai.APIStatusError, *, proven: bool) -> "Dialect | None":
        """Return what to try after a refusal, or None when the refusal is about something else.

        Servers that name the parameter at fault are believed. Those that do not are offered the next
        format, unless this dialect is `proven`: then the fault lies with the request.
        """
        if refusal.status_code not in _REFUSALS:
            return None
        at_fault = (refusal.param or "").split(".")[0]
        if at_fault == _LIMITS[self.limit] and self.limit + 1 < len(_LIMITS):
            return msgspec.structs.replace(self, limit=self.limit + 1)
        doubtful = at_fault == "response_format" or (not at_fault and not proven)
        if doubtful and self.format + 1 < len(_FORMATS):
            return msgspec.structs.replace(self, format=self.format + 1)
        return None
