from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.backtest.judges.base import Judged
from equal_stream.backtest.judges.grams import Grams
from equal_stream.backtest.judges.language_model import LanguageModelJudge

NONE = np.zeros((0, 4), np.float32)
D, STRENGTH = 0.75, 0.5
words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join)


def judge(pairs, references):
    return LanguageModelJudge(
        Judged(list(pairs), [""] * len(pairs), NONE, [(r, "") for r in references], NONE, NONE)
    )


class ByTheBook:
    """Interpolated Kneser-Ney over words, counted with dictionaries and computed one word at a time."""

    def __init__(self, bought, recorded, references):
        said = Counter(word for text in recorded for word in [*text.split(), "$"])
        known = {word for text in [*recorded, *references] for word in [*text.split(), "$"]}
        left = STRENGTH + D * len(said)
        self.base = {
            word: (max(said[word] - D, 0) + left / len(known)) / (STRENGTH + said.total()) for word in known
        }
        tokens = [["_", "^", *text.split(), "$"] for text in bought]
        self.counts = {3: Counter(tuple(t[i - 2 : i + 1]) for t in tokens for i in range(2, len(t)))}
        for order in (2, 1):
            self.counts[order] = Counter(gram[1:] for gram in self.counts[order + 1])

    def __call__(self, history, word):
        lower = self.base[word] if not history else self(history[1:], word)
        counts = self.counts[len(history) + 1]
        follow = [count for gram, count in counts.items() if gram[:-1] == history]
        own = max(counts[(*history, word)] - D, 0)
        return (own + (STRENGTH + D * len(follow)) * lower) / (STRENGTH + sum(follow))

    def text(self, text):
        tokens = ["_", "^", *text.split(), "$"]
        return [self(tuple(tokens[i - 2 : i]), tokens[i]) for i in range(2, len(tokens))]


@given(
    pairs=st.lists(words, min_size=1, max_size=8),
    references=st.lists(words, min_size=1, max_size=3),
    bought=st.sets(st.integers(0, 7)),
)
@settings(max_examples=100, deadline=None)
def test_probabilities_are_those_of_interpolated_kneser_ney(pairs, references, bought):
    rows = [row for row in bought if row < len(pairs)]
    book = ByTheBook([pairs[row] for row in rows], pairs, references)
    expected = [probability for text in references for probability in book.text(text)]
    before, after = judge(pairs, references).probabilities([[], rows])
    assert after == pytest.approx(expected)
    assert (before > 0).all()


@given(pairs=st.lists(words, min_size=1, max_size=8), bought=st.integers(0, 8))
@settings(max_examples=50, deadline=None)
def test_what_may_follow_adds_up_to_one(pairs, bought):
    vocabulary = ["a", "b", "c", "d", "unheard"]
    model = judge(pairs, ["a", *(f"a {word}" for word in vocabulary)])
    after = model.probabilities([range(min(bought, len(pairs)))])[0]
    end_or_word = [after[1], *after[3::3]]  # of "a $" and of every "a word $", what stands second
    assert sum(end_or_word) == pytest.approx(1)


def test_order_of_words_is_learned_where_frequencies_say_nothing():
    pairs = ["the cat sat on the mat"] * 5 + ["mat the on sat cat the"] * 5
    model = judge(pairs, ["the cat sat on the mat"])
    forward, backward = model.values([range(5)])[0], model.values([range(5, 10)])[0]
    assert forward > 1 > 0.2 > backward >= 0


def test_words_that_no_pair_has_take_nothing_from_what_others_save():
    pairs = ["one two three", "four five six"] * 3
    plain, strange = judge(pairs, ["one two three"]), judge(pairs, ["one two three", "zyx wvu tsr"])
    assert plain.values([[0]])[0] > strange.values([[0]])[0] > 0


def test_misleading_pairs_are_ignored_rather_than_counted_as_harm():
    model = judge(["x y x y x y x y", "a b", "b a"], ["a b b a"])
    raw = np.log2(model.probabilities([[0]]) / model.probabilities([[]])).mean()
    assert raw < 0 == pytest.approx(model.values([[0]])[0], abs=1e-9)


def test_the_right_pairs_can_be_worth_more_than_all():
    pairs = ["to be or not to be"] * 4 + ["to go to see to be not or"] * 40
    model = judge(pairs, ["to be or not to be"])
    assert model.values([range(4)])[0] > model.values([range(44)])[0]


def test_n_grams_do_not_reach_into_the_text_before():
    grams = Grams([["a", "b"], ["b", "a"], ["a", "b"]], 3)
    pair_at = grams.orders[1].at
    assert grams.text.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert grams.starts.tolist() == [0, 4, 8]
    assert pair_at[:4].tolist() == pair_at[8:].tolist()
    assert len(set(pair_at.tolist())) == 1 + 3 + 3  # marks alone; ^a ab b$; ^b ba a$
    triple = grams.orders[2]
    assert (pair_at[2], pair_at[1]) == (triple.suffix[triple.at[2]], triple.context[triple.at[2]])
