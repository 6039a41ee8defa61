"""The terms of a text: words, and for Chinese, Japanese and Korean pairs of neighbouring characters."""

import re

_TERM = re.compile(
    r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def terms(text: str) -> list[str]:
    """Return the terms of a text in order, case folded.

    >>> terms("Hello, World 42!")
    ['hello', 'world', '42']
    >>> terms("中文字")
    ['中文', '文字']
    """
    found: list[str] = []
    for run in _TERM.findall(text.casefold()):
        if _WITHOUT_SPACES.match(run):
            found += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        else:
            found.append(run)
    return found
