"""What every judge promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.backtest.judges.registry import JUDGES

from .judging import TOPICS, judged, rows

PAIRS = 36
MADE = {name: judge(judged()) for name, judge in JUDGES.items()}
every_judge = pytest.mark.parametrize("name", JUDGES)
groupings = st.lists(st.lists(st.integers(0, PAIRS - 1), max_size=8), min_size=1, max_size=6)


def test_judges_are_known_by_their_names():
    assert list(JUDGES) == ["coverage", "words", "language-model"]
    assert all(judge.name == name for name, judge in JUDGES.items())


@every_judge
def test_nothing_is_worth_nothing_and_an_empty_group_changes_nothing(name):
    before, early, bought, later = MADE[name].values([[], [], rows("cooking"), []])
    assert before == early == 0 < bought == later


@every_judge
@given(groups=groupings)
@settings(max_examples=40, deadline=None)
def test_worth_is_of_the_set_however_it_was_grouped(name, groups):
    values = MADE[name].values(groups)
    assert values.shape == (len(groups),)
    everything = sorted({row for group in groups for row in group})
    assert values[-1] == pytest.approx(MADE[name].values([everything])[-1], rel=1e-5, abs=1e-9)


@every_judge
@given(groups=groupings)
@settings(max_examples=40, deadline=None)
def test_what_was_published_before_is_judged_without_knowing_what_follows(name, groups):
    values = MADE[name].values(groups)
    for place in range(len(groups)):
        assert MADE[name].values(groups[: place + 1])[-1] == pytest.approx(values[place], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", ["coverage", "words"])
@given(groups=groupings)
@settings(max_examples=40, deadline=None)
def test_more_pairs_never_cover_less(name, groups):
    assert (np.diff(MADE[name].values([[], *groups])) >= -1e-12).all()


@every_judge
@given(groups=groupings)
@settings(max_examples=40, deadline=None)
def test_no_purchase_is_worth_less_than_none(name, groups):
    assert (MADE[name].values(groups) >= 0).all()


@every_judge
@pytest.mark.parametrize("topic", TOPICS)
def test_pairs_of_the_topic_are_worth_more_than_as_many_of_the_others(name, topic):
    judge = JUDGES[name](judged(topic))
    right = judge.values([rows(topic)])[0]
    for other in set(TOPICS) - {topic}:
        assert right > 2 * judge.values([rows(other)])[0]


@every_judge
def test_judges_of_the_same_recording_agree_to_the_last_digit(name):
    groups = np.array_split(np.random.default_rng(3).permutation(PAIRS), 5)
    assert (JUDGES[name](judged()).values(groups) == MADE[name].values(groups)).all()


@every_judge
def test_no_references_are_worth_nothing(name):
    recording = replace(judged(), references=[], reference_vectors=np.zeros((0, 8), np.float32))
    assert JUDGES[name](recording).values([[0, 1], []]).tolist() == [0, 0]


@every_judge
@pytest.mark.parametrize("references", [0, 6])
def test_a_recording_without_pairs_is_worth_nothing(name, references):
    recording = judged(references=references)
    nothing = replace(recording, questions=[], answers=[], vectors=np.zeros((0, 8), np.float32))
    assert JUDGES[name](nothing).values([[], []]).tolist() == [0, 0]


@every_judge
def test_no_group_gives_no_value(name):
    assert MADE[name].values([]).shape == (0,)
