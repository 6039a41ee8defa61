"""Each gate, by what it refuses and what it must let pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.base import PassageText
from equal_stream.extraction.gates.registry import Verdict, examine
from equal_stream.extraction.parse import RawPair
from equal_stream.extraction.protected import ProtectedQuestions
from equal_stream.settings import ExtractionSettings
from tests.extraction.material import NILE

SETTINGS = ExtractionSettings()
QUESTION = "Into which sea does the Nile flow?"
ANSWER = "The Nile flows into the Mediterranean Sea."
EVIDENCE = "It flows into the Mediterranean Sea near Alexandria."


def judged(
    question: str = QUESTION,
    answer: str = ANSWER,
    evidence: str = EVIDENCE,
    passage: PassageText = NILE,
    protected: ProtectedQuestions | None = None,
) -> Verdict:
    pairs = [RawPair(question, answer, evidence)]
    return examine(pairs, passage, SETTINGS, protected or ProtectedQuestions())


def reason(verdict: Verdict) -> str:
    (only,) = verdict.rejected
    return only


def test_a_good_pair_passes_with_the_exact_place_of_its_evidence() -> None:
    (pair,) = judged().accepted
    assert pair.span is not None
    assert NILE.text[pair.span.start : pair.span.end] == EVIDENCE


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ("", "evidence-empty"),
        ("  \n", "evidence-empty"),
        ("The Nile flows into the Red Sea.", "evidence-not-found"),
        ("It flows", "evidence-too-short"),
    ],
)
def test_evidence_must_stand_in_the_passage_and_prove_something(evidence: str, expected: str) -> None:
    assert reason(judged(evidence=evidence)) == expected


def test_evidence_may_be_short_where_every_character_says_more() -> None:
    passage = PassageText(text="长城全长两万多公里，始建于春秋战国时期。", start=0, title="长城", lang="zh")
    verdict = judged("长城始建于什么时期？", "春秋战国时期", "始建于春秋战国时期", passage)
    assert len(verdict.accepted) == 1


def test_evidence_may_be_short_where_it_is_a_whole_line() -> None:
    passage = PassageText(
        text="- List all files:\n\n`ls -a`\n\n- More:\n\n`ls`", start=0, title="ls", lang="en"
    )
    assert len(judged("How to list all files?", "ls -a", "ls -a", passage).accepted) == 1


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", "question-empty"),
        ("???", "question-malformed"),
        ("Nile", "question-malformed"),
        ("12 34 56?", "question-malformed"),
        ("why " * 3_000, "question-too-long"),
        ("According to the passage, where does the Nile flow?", "question-leans-on-passage"),
        ("What does this excerpt say about the Nile?", "question-leans-on-passage"),
        ("根据本文，尼罗河流入哪里？", "question-leans-on-passage"),
    ],
)
def test_a_question_must_be_one_and_stand_alone(question: str, expected: str) -> None:
    assert reason(judged(question=question)) == expected


@pytest.mark.parametrize(
    "question", ["Where does the Nile end?", "Name the sea that the Nile flows into.", "Simplify: 3/8 + 5/8."]
)
def test_questions_and_tasks_pass(question: str) -> None:
    assert judged(question=question).rejected == {}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", "answer-empty"),
        ("[●]", "answer-empty"),
        ("sea " * 2_000, "answer-too-long"),
        (QUESTION, "answer-repeats-question"),
        ("into which sea does the nile flow", "answer-repeats-question"),
        ("This is not mentioned in the passage.", "answer-declines"),
        ("The text does not specify the sea.", "answer-declines"),
        ("Unknown.", "answer-declines"),
        ("N/A", "answer-declines"),
        ("文中没有提到。", "answer-declines"),
        ("Bananas ripen faster beside apples because of ethylene gas.", "answer-ungrounded"),
        ("It was completed in 1834, at a cost of 7,000,000.", "answer-figures-unfounded"),
    ],
)
def test_an_answer_must_answer_from_the_passage(answer: str, expected: str) -> None:
    assert reason(judged(answer=answer)) == expected


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Yes", NILE.text),
        ("Joyful.", NILE.text),
        ("In 1970", NILE.text),
        ("48 + 24 = 72 clips in April and May", "She sold 48 clips in April and half as many, 24, in May."),
        ("25 %", "Of 40 students who sat the test in May, 10 failed it."),
        ("1,250 kilometres", "The way is 1250 kilometres long and leads north."),
    ],
)
def test_an_answer_may_rephrase_compute_and_be_short(answer: str, text: str) -> None:
    passage = PassageText(text=text, start=0, title="", lang="en")
    assert judged(answer=answer, evidence=text, passage=passage).rejected == {}


def test_a_pair_in_another_script_is_refused() -> None:
    verdict = judged("В какое море впадает Нил?", "В Средиземное")
    assert reason(verdict) == "language-differs"


def test_a_long_pair_in_another_language_of_the_same_script_is_refused() -> None:
    question = (
        "Welche Bedeutung hat der Nil für die Landwirtschaft und die Siedlungen in Ägypten und im Sudan?"
    )
    answer = (
        "Der Nile river Mediterranean Alexandria Aswan Dam completed Africa barrage major ist seit der "
        "Antike die wichtigste Grundlage für die Landwirtschaft, weil seine Überschwemmungen fruchtbaren "
        "Schlamm auf die Felder brachten und die Menschen deshalb an seinen Ufern siedelten."
    )
    passage = PassageText(text=NILE.text * 2, start=0, title="", lang="en")
    assert reason(judged(question, answer, passage=passage)) == "language-differs"


def test_a_pair_in_the_language_of_a_right_to_left_passage_passes() -> None:
    passage = PassageText(
        text="يصب نهر النيل في البحر الأبيض المتوسط قرب مدينة الإسكندرية.", start=0, title="", lang="ar"
    )
    verdict = judged(
        "أين يصب نهر النيل؟", "في البحر الأبيض المتوسط", "يصب نهر النيل في البحر الأبيض المتوسط", passage
    )
    assert len(verdict.accepted) == 1


def test_the_same_question_is_taken_once_a_passage() -> None:
    pairs = [RawPair(question, ANSWER, EVIDENCE) for question in (QUESTION, f" {QUESTION.upper()} ")]
    verdict = examine(pairs, NILE, SETTINGS, ProtectedQuestions())
    assert len(verdict.accepted) == 1
    assert verdict.rejected == {"question-duplicate": 1}


def test_a_protected_question_never_passes() -> None:
    protected = ProtectedQuestions(["into which sea does the NILE flow"])
    assert reason(judged(protected=protected)) == "protected-evaluation"


def test_evidence_copied_with_the_prompts_escapes_leads_back_to_the_documents_own_characters() -> None:
    passage = PassageText(
        text="In HTML-like prompts the tag </passage> ends the passage element of a request.",
        start=0,
        title="",
        lang="en",
    )
    verdict = judged(
        "What ends the element of a request in prompts?",
        "A closing tag ends the passage element of a request.",
        r"the tag <\/passage> ends the passage element",
        passage,
    )
    (pair,) = verdict.accepted
    assert pair.span is not None
    assert passage.text[pair.span.start : pair.span.end] == "the tag </passage> ends the passage element"


@given(st.text(), st.text(), st.text(), st.text())
def test_no_pair_and_no_passage_makes_a_gate_raise(
    question: str, answer: str, evidence: str, text: str
) -> None:
    passage = PassageText(text=text, start=0, title=question[:5], lang="")
    verdict = judged(question, answer, evidence, passage)
    assert len(verdict.accepted) + sum(verdict.rejected.values()) == 1
    for pair in verdict.accepted:
        assert pair.span is not None
        assert text[pair.span.start : pair.span.end].strip()
