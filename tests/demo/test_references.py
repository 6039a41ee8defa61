"""The demo's target: 60 questions with answers, written for it."""

import re
from collections import Counter

from equal_stream.demo.run import TARGET, references


def test_there_are_sixty_well_formed_pairs() -> None:
    found = references()
    assert len(found) == len({each.ref_id for each in found}) == 60
    assert {each.target for each in found} == {TARGET}
    for each in found:
        assert re.fullmatch(r"[A-Z].*\?", each.question), each.question
        assert 10 <= len(each.answer) <= 400, each.answer
        assert each.answer == each.answer.strip()
        assert each.topic
        assert each.weight == 1.0


def test_no_question_is_asked_twice_and_several_topics_are_covered() -> None:
    found = references()
    words = [frozenset(re.findall(r"\w+", each.question.lower())) for each in found]
    assert len(set(words)) == len(found)
    assert len(Counter(each.topic for each in found)) >= 4
