"""What passes between the allocator and the extraction workers.

A ticket is permission for at most one billed call. Calls that were certainly not billed (connection
refused, 429, 5xx) are retried within the ticket; a call that was billed, or may have been, ends it.
"""

from typing import Literal

import msgspec


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens."""

    in_mtok_cost: float
    out_mtok_cost: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return what a call costs, in USD."""
        return (tokens_in * self.in_mtok_cost + tokens_out * self.out_mtok_cost) / 1_000_000

    @property
    def free(self) -> bool:
        """Whether no call costs anything."""
        return self.in_mtok_cost == self.out_mtok_cost == 0


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to spend on one passage.

    Parameters
    ----------
    request_id
        Key of the call in the journal; derived from the ticket, so it is the same after a restart.
    reserved_tokens, reserved_usd
        The most the call can cost: a sound bound on the prompt's tokens plus the output limit.
    predicted_gain
        Expected gain of the passage's pairs when the ticket was chosen.
    propensity
        Probability with which the policy chose this passage then.
    """

    ticket_id: str
    request_id: str
    passage_id: str
    doc_id: str
    url: str
    cluster_id: int
    target: str
    tokens: int
    reserved_tokens: int
    reserved_usd: float
    predicted_gain: float
    propensity: float
    policy: str
    attempt: int = 1


class PassageText(msgspec.Struct, frozen=True, kw_only=True):
    """The passage a ticket is for: characters [start, start + len(text)) of the document's text."""

    text: str
    start: int
    title: str
    lang: str


class ExtractedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that passed the gates a single passage can decide.

    `start` and `end` are offsets into the document's text with ``text[start:end] == quote``; `vector`
    is the unit float32 embedding of question and answer, packed as in `messages.pack_vector`.
    """

    question: str
    answer: str
    quote: str
    start: int
    end: int
    vector: bytes


class ExtractionResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a ticket's call ended.

    answered: a usable answer came; `pairs` may still be empty. failed: an answer came, was billed, and
    cannot be used (not JSON, cut off, refused). unknown: the call may have been billed, its answer
    never came. unsent: the LLM certainly billed nothing (retries of 429, 5xx and refused connections
    used up).

    `tokens_in`, `tokens_out` and `cost_usd` are what the ticket is charged: the bill, or the whole
    reservation when the bill is not known (`usage_known` false). `reason` is a short word for counters
    when the call brought nothing usable; ``configuration`` means that the next call will end the same
    way until an operator changes something.
    """

    ticket_id: str
    request_id: str
    status: Literal["answered", "failed", "unknown", "unsent"]
    tokens_in: int = 0
    tokens_out: int = 0
    usage_known: bool = True
    cost_usd: float = 0.0
    pairs: list[ExtractedPair] = msgspec.field(default_factory=list)
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    model: str = ""
    prompt_version: str = ""
    error: str = ""
    reason: str = ""
