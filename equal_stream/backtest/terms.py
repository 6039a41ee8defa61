"""Texts as words: terms to place pairs by, tokens to judge them by."""

import re

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # Chinese, Japanese and Korean
_TERM = re.compile(rf"[^\W_{_UNSPACED}]+|[{_UNSPACED}]+")
_WITHOUT_SPACES = re.compile(rf"[{_UNSPACED}]")
_TOKEN = re.compile(
    r"(?<![\w)\]}-])--?[a-z](?:-?[a-z0-9_])*"  # a command's flag, but not the second half of well-known
    rf"|[{_UNSPACED}]"
    rf"|[^\W{_UNSPACED}]+"
    r"|[^\w\s]"
)


def terms(text: str) -> list[str]:
    """Return the words of a text in order, case folded; of Chinese, Japanese and Korean, pairs of neighbours.

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


def tokens(text: str) -> list[str]:
    """Return everything in a text but its spaces, in order and case folded.

    Words and identifiers, flags of commands, single characters of Chinese, Japanese and Korean, single
    symbols and punctuation marks.

    >>> tokens("Find *.py | xargs -0 wc")
    ['find', '*', '.', 'py', '|', 'xargs', '-', '0', 'wc']
    >>> tokens("find -name x: a well-known flag")
    ['find', '-name', 'x', ':', 'a', 'well', '-', 'known', 'flag']
    >>> tokens("中文 text")
    ['中', '文', 'text']
    """
    return _TOKEN.findall(text.casefold())
