"""What a client asks for: the body of a chat completion request, and the passage within it."""

import re
from typing import Any

import msgspec

_PASSAGE = re.compile(r"<passage>(.*?)</passage>", re.DOTALL)
# A tag of the page's own, made harmless by the client with entities, a backslash or an invisible character.
_HARMLESS = r"[\\\u200b-\u200d\u2060\ufeff]*"
_AT_MOST = re.compile(r"\b(?:at most|up to|no more than|a maximum of)\s+([0-9]{1,9})\b", re.IGNORECASE)
_ESCAPED_TAG = re.compile(rf"(?:&lt;|<){_HARMLESS}(/?){_HARMLESS}passage{_HARMLESS}(?:&gt;|>)")
_INSTRUCTING = frozenset({"system", "developer"})


class InvalidRequest(ValueError):
    """The body is no chat completion request that can be answered; the message says why."""


class Message(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined where it has several."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text") or "") for part in self.content)
        return self.content or ""


class ChatRequest(msgspec.Struct, frozen=True):
    """The fields of a chat completion request that this server heeds; others are ignored."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    n: int | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    response_format: msgspec.Raw = msgspec.Raw(b"")

    @property
    def limit(self) -> int | None:
        """The most tokens the answer may have, or None where the request sets no limit."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def most_pairs(self) -> int | None:
        """The number after the first "at most" of the instructions; None where they set no limit."""
        instructions = " ".join(message.text for message in self.messages if message.role in _INSTRUCTING)
        found = _AT_MOST.search(instructions)
        return int(found[1]) if found else None

    @property
    def passage(self) -> str:
        """What stands between the passage tags, without white space around it.

        The prompt may mention the tags too, so the longest of all such parts is taken. Tags inside
        the passage that the client made harmless are read as what they were. Without tags the whole of
        the last user message is the passage.
        """
        said = [message.text for message in self.messages if message.role == "user"]
        tagged = [part for text in said for part in _PASSAGE.findall(text)]
        passage = max(tagged, key=len) if tagged else said[-1]
        return _ESCAPED_TAG.sub(r"<\1passage>", passage).strip()


def read_request(body: bytes) -> ChatRequest:
    """Decode a request body.

    Raises
    ------
    InvalidRequest
        The body is no such JSON, has no user message, or asks for streaming or for several choices.
    """
    try:
        request = msgspec.json.decode(body, type=ChatRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not a chat completion request: {error}.") from error
    if not any(message.role == "user" for message in request.messages):
        raise InvalidRequest("There is no user message to answer.")
    if request.stream:
        raise InvalidRequest("Streaming is not simulated; send stream=false.")
    if request.n not in {None, 1}:
        raise InvalidRequest("Only one choice is simulated; send n=1.")
    if request.limit is not None and request.limit < 1:
        raise InvalidRequest("max_tokens must be at least 1.")
    return request
