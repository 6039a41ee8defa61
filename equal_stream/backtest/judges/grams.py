"""All n-grams of a collection of texts as numbers, so that counting them is arithmetic on arrays."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_END = ""  # no token is empty


@dataclass(frozen=True, slots=True)
class Order:
    """The distinct n-grams of one length.

    Attributes
    ----------
    at
        (positions,) intp; which n-gram ends at each position.
    context
        (distinct,) intp; each n-gram without its last token, numbered as in the order below.
    suffix
        (distinct,) intp; each n-gram without its first token, numbered likewise.
    """

    at: NDArray[np.intp]
    context: NDArray[np.intp]
    suffix: NDArray[np.intp]

    def __len__(self) -> int:
        """Return how many distinct n-grams there are."""
        return len(self.context)


class Grams:
    """Texts one after the other, each between a mark of its beginning and one of its end.

    No n-gram reaches into the text before; at a text's beginning they begin with the mark.

    Parameters
    ----------
    texts
        Each a list of tokens.
    longest
        Length of the longest n-grams, at least 1.

    Attributes
    ----------
    text
        (positions,) intp; the text that each position belongs to.
    starts
        (texts,) intp; positions of the marks of beginnings, which nobody has to predict.
    orders
        From single tokens to the longest.
    """

    def __init__(self, texts: Iterable[list[str]], longest: int) -> None:
        numbers: dict[str, int] = {_END: 0}
        flat: list[int] = []
        lengths: list[int] = []
        for text in texts:
            before = len(flat)
            flat.append(-1)
            flat += [numbers.setdefault(token, len(numbers)) for token in text]
            flat.append(0)
            lengths.append(len(flat) - before)
        token = np.array(flat, np.intp)
        token[token < 0] = len(numbers)
        self.text = np.repeat(np.arange(len(lengths)), lengths)
        self.starts = np.cumsum([0, *lengths[:-1]])[: len(lengths)]
        kinds = len(numbers) + 1
        none = np.zeros(kinds, np.intp)
        self.orders = [Order(token, none, none)]
        while len(self.orders) < longest:
            self.orders.append(self._longer(self.orders[-1], token, kinds))

    def _longer(self, shorter: Order, token: NDArray[np.intp], kinds: int) -> Order:
        before = np.empty_like(token)
        before[1:] = shorter.at[:-1]
        before[self.starts] = 0  # any: nothing but a mark of beginning stands there
        distinct, at = np.unique(before * kinds + token, return_inverse=True)
        suffix = np.empty(len(distinct), np.intp)
        suffix[at] = shorter.at
        return Order(at, distinct // kinds, suffix)
