"""The tag that fences a passage inside the prompt, and how text that contains it is made harmless.

Every ``<passage`` and ``</passage`` in crawled text, in any case and with any white space inside, gets a
backslash after its ``<``; one that already had backslashes gets one more. So the closing tag in a prompt
is always ours, and removing one backslash gives back exactly the text there was.
"""

import re

TAG = "passage"
OPEN = f"<{TAG}>"
CLOSE = f"</{TAG}>"

_TAG = re.compile(rf"<(\\*)(?=\s*/?\s*{TAG})", re.IGNORECASE)
_ESCAPED_TAG = re.compile(rf"<\\(\\*)(?=\s*/?\s*{TAG})", re.IGNORECASE)


def escape(text: str) -> str:
    r"""Return `text` with every passage tag defused: ``</passage>`` becomes ``<\/passage>``."""
    return _TAG.sub(r"<\\\1", text)


def unescape(text: str) -> str:
    """Return what `escape` was given."""
    return _ESCAPED_TAG.sub(r"<\1", text)


def escaped_bytes(n_bytes: int) -> int:
    """Return the most UTF-8 bytes that `escape` makes of `n_bytes`: one more for each ``<passage``."""
    return n_bytes + n_bytes // len(f"<{TAG}")
