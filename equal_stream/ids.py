"""Same input, same ids, always: UUIDv5 names (RFC 9562) for documents, passages, pairs and references."""

import hashlib
import re
import unicodedata
from uuid import NAMESPACE_URL, UUID, uuid5

_SPACE = re.compile(r"\s+")


def named(namespace: str, name: str) -> str:
    """Return the UUIDv5 of a name under a UUID in its usual form: `uuid.uuid5` in a tenth of its time."""
    digest = hashlib.sha1(
        bytes.fromhex(namespace.replace("-", "")) + name.encode(), usedforsecurity=False
    ).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def doc_id(canonical_url: str) -> str:
    """Return the id of the document at a canonical URL; every version of a URL has the same."""
    return str(uuid5(NAMESPACE_URL, canonical_url))


def passage_id(document: str, text: str, start: int, end: int) -> str:
    """Return the id of the passage `text`, the characters [start, end) of a document's text.

    Name within the document's UUID: hex SHA-256 of the passage's UTF-8 bytes, then ``start:end``.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return str(uuid5(UUID(document), f"{digest}{start}:{end}"))


def normalise_question(question: str) -> str:
    """Fold what does not change a question: compatibility forms, case, white space, closing marks."""
    folded = unicodedata.normalize("NFKC", question).casefold()
    return _SPACE.sub(" ", folded).strip().rstrip("?.! 。？！").strip()


def qa_id(passage: str, question: str) -> str:
    """Return the id of a pair: one per passage and normalised question."""
    return str(uuid5(UUID(passage), normalise_question(question)))


def reference_id(question: str) -> str:
    """Return a stable id for a reference that came without one."""
    return hashlib.sha256(normalise_question(question).encode()).hexdigest()[:16]
