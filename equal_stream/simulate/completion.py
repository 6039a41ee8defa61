"""The simulated completion: what the model says, how many tokens that costs, and the faults in it."""

import time
from dataclasses import dataclass
from typing import Any

from equal_stream.simulate import tokens
from equal_stream.simulate.chance import Draw
from equal_stream.simulate.chat import ChatRequest
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.pairs import Pair, as_content

_GARBAGE = (
    "Sure! Here are some question-answer pairs based on the passage:\n\n1. What is this about?",
    '{"pairs": [{"question": "What is this about?", "answer": }',
    "```json\n{'pairs': [{'question': \"What is it?\"",
    "<html><body><h1>502 Bad Gateway</h1></body></html>",
)
_REFUSAL = "I'm sorry, but I can't help with that."
_INVENTED = "According to report {number:08x}, which nobody has ever written, this was settled at last."


@dataclass(frozen=True)
class Completion:
    """What was produced for one request, with its price in tokens."""

    outcome: Outcome
    content: str | None
    refusal: str | None
    finish_reason: str
    tokens_in: int
    tokens_out: int

    def body(self, ordinal: int, model: str) -> dict[str, Any]:
        """Return the response body, as the OpenAI reference defines it."""
        usage = {
            "prompt_tokens": self.tokens_in,
            "completion_tokens": self.tokens_out,
            "total_tokens": self.tokens_in + self.tokens_out,
        }
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        body: dict[str, Any] = {
            "id": f"chatcmpl-simulated-{ordinal}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [choice],
        }
        if self.outcome is not Outcome.NO_USAGE:
            body["usage"] = usage
        return body


def prompt_tokens(request: ChatRequest) -> int:
    """Return what the prompt costs: its messages, what surrounds each, and the response schema."""
    messages = sum(tokens.count(message.text) + tokens.MESSAGE_OVERHEAD for message in request.messages)
    return messages + tokens.count(bytes(request.response_format).decode()) + tokens.REPLY_OVERHEAD


def complete(request: ChatRequest, passage: str, pairs: list[Pair], draw: Draw) -> Completion:
    """Say `pairs`, or what the drawn fault makes of them, within the request's own limit of tokens."""
    outcome, refusal, finish_reason = draw.outcome, None, "stop"
    said: str = as_content(pairs)
    if outcome is Outcome.GARBAGE:
        said = draw.generator.choice(_GARBAGE)
    elif outcome is Outcome.TRUNCATED:
        said, finish_reason = said[: max(1, int(len(said) * draw.generator.uniform(0.3, 0.9)))], "length"
    elif outcome is Outcome.HALLUCINATED:
        said = as_content(_hallucinated(pairs, passage, draw))
    elif outcome is Outcome.REFUSAL:
        said = _REFUSAL
    if request.limit is not None and tokens.count(said) > request.limit:
        said, finish_reason = tokens.cut(said, request.limit), "length"
        outcome = Outcome.LENGTH if outcome is Outcome.ANSWERED else outcome
    tokens_out = tokens.count(said)
    content: str | None = said
    if outcome is Outcome.REFUSAL:
        content, refusal = None, said
    return Completion(outcome, content, refusal, finish_reason, prompt_tokens(request), tokens_out)


def _hallucinated(pairs: list[Pair], passage: str, draw: Draw) -> list[Pair]:
    """Return the pairs with evidence that the passage does not contain; one pair where there was none."""

    def invented() -> str:
        while (evidence := _INVENTED.format(number=draw.generator.getrandbits(32))) in passage:
            pass
        return evidence

    told = pairs or [Pair("What was settled at last?", "This was settled at last.", "")]
    return [Pair(pair.question, pair.answer, invented()) for pair in told]
