"""Reading the body of a chat completion, whatever the server sent under status 200.

A body that is not a completion is still an answer that was probably billed, so nothing here raises:
what is missing or of the wrong type is left empty, and a usage that is not two plain counts is unknown,
as is one that no call can have: servers are known to send -1 as an unsigned number.
"""

from typing import Any

import msgspec

OVERSIZED = "oversized"  # finish_reason of a content longer than MAX_CONTENT_CHARACTERS, which is cut there
MAX_CONTENT_CHARACTERS = 150_000  # six bytes each at most in JSON: a journal record stays below 1 MB

_MOST_TOKENS = 10**9  # of one call


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the server billed them."""

    tokens_in: int
    tokens_out: int


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What of a chat completion matters here; `usage` is None when the server did not say."""

    content: str = ""
    finish_reason: str = ""
    usage: Usage | None = None


def read_completion(body: bytes) -> Completion:
    """Return the first choice's content, its finish reason (``refusal`` when it refused) and the usage."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Completion(
            content=body.decode(errors="replace")[:MAX_CONTENT_CHARACTERS], finish_reason="garbled"
        )
    top = _mapping(decoded)
    choices = top.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = _mapping(choice.get("message"))
    content, finish_reason = _text(message.get("content")), _text(choice.get("finish_reason"))
    if not content and _text(message.get("refusal")):
        content, finish_reason = _text(message.get("refusal")), "refusal"
    if len(content) > MAX_CONTENT_CHARACTERS:
        content, finish_reason = content[:MAX_CONTENT_CHARACTERS], OVERSIZED
    return Completion(content=content, finish_reason=finish_reason, usage=_usage(_mapping(top.get("usage"))))


def _usage(usage: dict[str, Any]) -> Usage | None:
    """Read both counts; what `total_tokens` has beyond them was produced unseen, so it is output."""
    tokens_in, tokens_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if tokens_in is None or tokens_out is None:
        return None
    total = _count(usage.get("total_tokens")) or 0
    return Usage(tokens_in, max(tokens_out, total - tokens_in))


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
