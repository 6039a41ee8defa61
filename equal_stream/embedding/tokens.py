"""The encoder's own tokenizer: counts and character offsets, without truncation.

`encodable` is what the encoder reads in place of a text. It differs from the text only where the encoder
would stumble; the text itself, and every slice of it that is stored or published, stays as it came.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

LONGEST_WORD = 100  # characters; WordPiece makes one [UNK] of any longer word
_BLOCK = 50_000  # characters tokenized at once, which bounds memory for the longest documents
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_LONG_RUN = re.compile(rf"\w{{{LONGEST_WORD + 1},}}")
_LONG_WORD = re.compile(  # outside Han, kana and Hangul, which tokenizers take apart by themselves
    rf"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]{{{LONGEST_WORD + 1},}}"
)


def without_controls(text: str) -> str:
    """Return the text with NUL and other control characters as spaces; its length stays."""
    return _CONTROL.sub(" ", text)


def encodable(text: str) -> str:
    """Return what the encoder reads: no control characters, overlong words broken by spaces."""
    return _LONG_RUN.sub(lambda run: _LONG_WORD.sub(_broken, run[0]), without_controls(text))


def _broken(match: re.Match[str]) -> str:
    word = match[0]
    return " ".join(word[i : i + LONGEST_WORD] for i in range(0, len(word), LONGEST_WORD))


class Tokens:
    """Tokenizes as the encoder does; safe to use from several threads.

    Parameters
    ----------
    tokenizer
        The model's tokenizer; a copy without truncation and padding is kept.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.special = self._tokenizer.num_special_tokens_to_add(False)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids the encoder reads, special tokens included."""
        encodings = self._tokenizer.encode_batch_fast([encodable(text) for text in texts])
        return [encoding.ids for encoding in encodings]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens the encoder reads for each text, special tokens included."""
        return [len(ids) for ids in self.ids(texts)]

    def spans(self, text: str) -> NDArray[np.int64]:
        """Return the character spans of a text's tokens, (n, 2), without special tokens."""
        clean = without_controls(text)
        parts = []
        first = 0
        while first < len(clean):
            last = _block_end(clean, first)
            encoding = self._tokenizer.encode(clean[first:last], add_special_tokens=False)
            parts.append(np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) + first)
            first = last
        return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)


def _block_end(text: str, first: int) -> int:
    """Return where to end a block: at white space in its last tenth, else where it is full."""
    last = first + _BLOCK
    if last >= len(text):
        return len(text)
    for mark in ("\n", " "):
        at = text.rfind(mark, last - _BLOCK // 10, last)
        if at > first:
            return at + 1
    return last
