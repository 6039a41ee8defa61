"""What the simulated model says: a pair with the quote that supports it."""

import msgspec


class Pair(msgspec.Struct, frozen=True):
    """One question, its answer, and the words of the passage that support it."""

    question: str
    answer: str
    evidence: str


def as_content(pairs: list[Pair]) -> str:
    """Return the message content the contract asks for: ``{"pairs": [...]}`` as JSON."""
    return msgspec.json.encode({"pairs": pairs}).decode()
