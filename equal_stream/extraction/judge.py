"""From a stored answer to a result: the same function for a fresh answer and for one found in the journal."""

import msgspec

from equal_stream.extraction.base import ExtractionResult, PassageText, Ticket
from equal_stream.extraction.gates.registry import Verdict, examine
from equal_stream.extraction.parse import Unreadable, parse
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.messages import JournalEntry
from equal_stream.settings import ExtractionSettings

_UNUSABLE = {  # finish reasons that spoil an answer, whatever its content
    "length": ("cut-off", "The answer was cut off at the output limit: raise llm.max_output_tokens."),
    "oversized": ("cut-off", "The answer is far longer than the output limit allows: the server ignores it."),
    "content_filter": ("refused", "The server's content filter stopped the answer."),
    "refusal": ("refused", "The model refused to answer."),
    "garbled": ("not-json", "The response is not a chat completion: check that llm.base_url is an LLM's."),
}


class Judged(msgspec.Struct, frozen=True):
    """A result still without its pairs' vectors, and the verdict that the pairs come from."""

    result: ExtractionResult
    verdict: Verdict


def judge(
    ticket: Ticket,
    passage: PassageText,
    entry: JournalEntry,
    settings: ExtractionSettings,
    protected: ProtectedQuestions,
) -> Judged:
    """Read a stored answer and put its pairs through the gates."""
    result = ExtractionResult(
        ticket_id=ticket.ticket_id,
        request_id=entry.request_id,
        status="failed",
        tokens_in=entry.tokens_in,
        tokens_out=entry.tokens_out,
        usage_known=entry.usage_known,
        cost_usd=entry.cost_usd,
        model=entry.model,
        prompt_version=entry.prompt_version,
    )
    nothing = Verdict([], {})
    if (spoiled := _UNUSABLE.get(entry.finish_reason)) is not None:
        reason, error = spoiled
        return Judged(msgspec.structs.replace(result, reason=reason, error=error), nothing)
    if not entry.content.strip():
        return Judged(msgspec.structs.replace(result, reason="empty", error="The answer is empty."), nothing)
    try:
        parsed = parse(entry.content, settings.max_pairs)
    except Unreadable as error:
        return Judged(msgspec.structs.replace(result, reason="not-json", error=str(error)), nothing)
    verdict = examine(parsed.pairs, passage, settings, protected)
    rejected = {**parsed.rejected, **verdict.rejected}
    return Judged(msgspec.structs.replace(result, status="answered", rejected=rejected), verdict)
