"""The text of a pair as it is embedded, for extracted pairs and references alike."""

_ANSWER_CHARACTERS = 600  # with the question, about what the default encoder reads (256 tokens)


def pair_text(question: str, answer: str) -> str:
    """Return the question and the beginning of its answer, one under the other."""
    return f"{question}\n{answer[:_ANSWER_CHARACTERS]}"
