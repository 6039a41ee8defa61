import numpy as np
import pytest

from equal_stream.backtest.judges.base import Judged
from equal_stream.backtest.judges.words import WordsJudge
from equal_stream.backtest.terms import tokens

NONE = np.zeros((0, 4), np.float32)


def judge(pairs, references):
    questions, answers = zip(*pairs, strict=True)
    return WordsJudge(Judged(questions, answers, NONE, references, NONE, NONE))


def test_all_pairs_recall_everything_that_can_be_bought():
    words = judge([("red fox", "runs"), ("blue", "whale")], [("red whale", "unheard"), ("blue", "fox")])
    assert words.values([[0], [1]])[-1] == pytest.approx(1)


def test_rare_words_weigh_more_than_those_that_many_pairs_have():
    pairs = [("common", ""), ("common", ""), ("common", ""), ("rare", "")]
    words = judge(pairs, [("rare", ""), ("common", "rare")])
    rare, common = np.log(5), np.log(5 / 3)
    assert words.values([[3]])[0] == pytest.approx((1 + rare / (rare + common)) / 2)


def test_every_reference_counts_alike_however_long():
    words = judge([("one two three four", ""), ("five", "")], [("one two three four", ""), ("five", "")])
    assert words.values([[0], [1]]) == pytest.approx([0.5, 1])


def test_neighbours_count_beside_single_words():
    words = judge([("dog bites man", ""), ("man bites dog", "")], [("dog bites man", "")])
    same, turned = (words.values([[row]])[0] for row in (0, 1))
    assert same == pytest.approx(1)
    assert 0.9 > turned > 0


def test_flags_and_pipes_are_terms():
    find, prose = ("find /tmp -name x | sort -u", ""), ("find a name: u sort x", "")
    words = judge([find, prose], [("find /srv -name y | sort -u", "")])
    assert words.values([[0]])[0] == pytest.approx(1)
    assert words.values([[1]])[0] < 0.4


def test_chinese_is_compared_by_characters():
    words = judge([("東印度公司", ""), ("古老文字", "")], [("荷蘭東印度", "")])
    assert words.values([[1], [0]]) == pytest.approx([0, 1])


def test_punctuation_and_case_are_nothing_to_recall():
    words = judge([("Yes", ""), ("!?", "...")], [("YES!", ""), ("yes?", "...")])
    assert words.values([[1], [0]]) == pytest.approx([0, 1])


def test_answers_count_as_far_as_they_are_embedded():
    words = judge([("q", "x " * 400 + "late"), ("late", "")], [("late", "")])
    assert words.values([[0], [1]]) == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--dry-run -x=1 [--all|-a]", "--dry-run -x = 1 [ --all | -a ]"),
        ("a-b (-c) {{-d}} x -", "a - b ( -c ) { { -d } } x -"),
        ("my_var2 ＝ 3.5%", "my_var2 ＝ 3 . 5 %"),
        ("中文ab한국 ", "中 文 ab 한 국"),
        ("\ud800 ok", "\ud800 ok"),
    ],
)
def test_texts_fall_into_words_flags_characters_and_symbols(text, expected):
    assert tokens(text) == expected.split()
