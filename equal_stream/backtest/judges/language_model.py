"""A downstream proxy as judge: a language model trained on the published pairs alone.

An interpolated Kneser-Ney trigram model over words, symbols and single characters of Chinese, Japanese and
Korean; its worth is what it saves on the unseen references, in bits per token. It starts from a base that
knows how often each word occurs in the whole recording and nothing of which follows which. A base that knows
nothing would give most of the worth to the first pages of any English: order-6 models over characters have
over 90 % of everything after a hundredth of the pairs, drawn at random, and tell no policies apart.

Whoever trains a model on pairs would look at how well it does and trust it accordingly, so the trained model
and the base are mixed by the weight that is best for the references: one number for thousands of tokens,
which flatters it by some 1/(2·tokens) nats a token. Without it a few pairs of the wrong kind count as harm,
since a model from a few pages believes too much in them.

A word that no pair has costs the same before and after, whatever it costs. Pairs of other topics dilute
the counts, so the right tenth can be worth more than everything: shares above 1 are real.

Kneser & Ney, "Improved backing-off for m-gram language modeling", 1995; Teh, "A hierarchical Bayesian
language model based on Pitman-Yor processes", 2006, for the strength beside the discount.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from equal_stream.backtest.judges.base import Judge, Judged, published_at
from equal_stream.backtest.judges.grams import Grams, Order
from equal_stream.backtest.terms import tokens
from equal_stream.extraction.pairtext import pair_text

_LONGEST = 3  # four words save 0.05 bits more and rank alike
_DISCOUNT = 0.75  # Kneser and Ney's usual; 0.9 changes shares by 0.02
_STRENGTH = 0.5  # tokens' worth of belief in the shorter context
_HALVINGS = 20  # the mixing weight to one in a million


@dataclass(frozen=True, slots=True)
class _Tally:
    """Counts what of the published n-grams matters for the references, by some part of the n-gram.

    `column` (distinct,) says where an n-gram counts, -1 for nowhere; `at` (tokens,) where each token of
    the references looks.
    """

    column: NDArray[np.intp]
    at: NDArray[np.intp]
    width: int

    @classmethod
    def of(cls, part: NDArray[np.intp], asked: NDArray[np.intp]) -> Self:
        """Return the tally of `part` (distinct,) of n-grams, for those that are asked for."""
        wanted, at = np.unique(part[asked], return_inverse=True)
        place = np.full(part.max(initial=-1) + 1, -1, np.intp)
        place[wanted] = np.arange(len(wanted))
        return cls(place[part], at, len(wanted))

    def after(self, grams: NDArray[np.intp], when: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
        """Return how many n-grams there are in each column after each group: (groups, width)."""
        column = self.column[grams]
        counts = column >= 0
        cell = when[counts] * self.width + column[counts]
        new = np.bincount(cell, minlength=groups * self.width).reshape(groups, self.width)
        return new.cumsum(axis=0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Level:
    """One order of n-grams with its two tallies: of the n-gram itself, and of its context."""

    order: Order
    whole: _Tally
    context: _Tally


@dataclass(frozen=True, slots=True)
class _Counts:
    """What was counted at one level after each group: (groups, columns of the level's tallies) float64.

    `held` n-grams, `total` n-grams by context, and `kinds` of n-grams by context.
    """

    level: _Level
    held: NDArray[np.float64]
    total: NDArray[np.float64]
    kinds: NDArray[np.float64]

    def interpolated(self, shorter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities given this level's context, from those given the next shorter one."""
        whole, context = self.level.whole.at, self.level.context.at
        passed_on = (_STRENGTH + _DISCOUNT * self.kinds)[:, context] * shorter
        probability: NDArray[np.float64] = np.maximum(self.held - _DISCOUNT, 0)[:, whole] + passed_on
        probability /= (_STRENGTH + self.total)[:, context]
        return probability


class LanguageModelJudge(Judge):
    """Bits per token that the published pairs save on the references, against no pairs at all."""

    name: ClassVar[str] = "language-model"

    def __init__(self, judged: Judged) -> None:
        self._pairs = len(judged.questions)
        pairs = [*zip(judged.questions, judged.answers, strict=True), *judged.references]
        grams = Grams((tokens(pair_text(*pair)) for pair in pairs), _LONGEST)
        spoken = np.ones(len(grams.text), bool)
        spoken[grams.starts] = False
        recorded = np.flatnonzero(spoken & (grams.text < self._pairs))
        asked = np.flatnonzero(spoken & (grams.text >= self._pairs))
        self._tokens = len(asked)
        self._levels = [
            _Level(
                order,
                _Tally.of(np.arange(len(order)), order.at[asked]),
                _Tally.of(order.context, order.at[asked]),
            )
            for order in grams.orders
        ]
        self._read = grams.orders[-1].at[recorded]
        self._owner = grams.text[recorded]
        words = grams.orders[0]
        said = len(words) - 1  # the mark of beginnings, numbered last, never is
        self._base = _frequencies(words.at[recorded], said)[words.at[asked]]

    def values(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return bits saved per token after each group: (len(groups),), at least 0."""
        if self._tokens == 0 or self._pairs == 0:
            return np.zeros(len(groups))
        return _saved(self.probabilities(groups) / self._base - 1)

    def probabilities(self, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return the trained model's probability of each token of the references after each group.

        Returns
        -------
        (len(groups), tokens) float64, not yet mixed with the base; each text ends with a token of its own.
        """
        when = published_at(groups, self._pairs)[self._owner]
        known = when < len(groups)
        grams, when = self._read[known], when[known]
        counted: list[_Counts] = []
        for level in reversed(self._levels):
            held = level.whole.after(grams, when, len(groups))
            total = level.context.after(grams, when, len(groups))
            first = np.full(len(level.order), len(groups), np.intp)
            np.minimum.at(first, grams, when)
            grams = np.flatnonzero(first < len(groups))
            when = first[grams]
            counted.append(_Counts(level, held, total, level.context.after(grams, when, len(groups))))
            grams = level.order.suffix[grams]  # shorter contexts count kinds of continuation, not tokens
        probability: NDArray[np.float64] = np.broadcast_to(self._base, (len(groups), self._tokens))
        for counts in reversed(counted):
            probability = counts.interpolated(probability)
        return probability


def _frequencies(read: NDArray[np.intp], kinds: int) -> NDArray[np.float64]:
    """Return how probable each kind of token is, (kinds,) float64; those never read share what is left."""
    count = np.bincount(read, minlength=kinds)
    left = _STRENGTH + _DISCOUNT * np.count_nonzero(count)
    frequency: NDArray[np.float64] = np.maximum(count - _DISCOUNT, 0) + left / kinds
    return frequency / (_STRENGTH + len(read))


def _saved(surplus: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of log2(1 + w·surplus) for the best w in [0, 1], by row of (groups, tokens).

    It is concave in w and 0 at w = 0: its slope is halved in upon, from the side that is worth at least 0.
    """
    low = np.zeros((len(surplus), 1))
    high = np.ones((len(surplus), 1))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        rises = (surplus / (1 + middle * surplus)).mean(axis=1, keepdims=True) > 0
        low = np.where(rises, middle, low)
        high = np.where(rises, high, middle)
    saved: NDArray[np.float64] = np.log2(1 + low * surplus).mean(axis=1)
    return saved
