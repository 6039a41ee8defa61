import pytest

from equal_stream.simulate.recorded import RecordedPairs

from .documents import BARREN, CHINESE, LIGHTHOUSES, LONG, LONG_TEXT, write


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return RecordedPairs([write(folder / "a.jsonl.gz", LONG, BARREN), write(folder / "b.jsonl", CHINESE)])


def chunks(text, length):
    return [text[start : start + length] for start in range(0, len(text), length)]


@pytest.mark.parametrize("length", [900, 1500, 4000, len(LONG_TEXT)])
def test_chunks_of_a_document_together_give_each_supported_pair_once(recorded, length):
    given = [(chunk, pair) for chunk in chunks(LONG_TEXT, length) for pair in recorded.pairs_in(chunk)]
    whole_homes = [
        name
        for name, sentence in LIGHTHOUSES.items()
        if any(sentence in c for c in chunks(LONG_TEXT, length))
    ]
    questions = [pair.question for _, pair in given]
    assert len(set(questions)) == len(questions)
    for name in whole_homes:
        assert f"Where and how long did {name} keep watch?" in questions


def test_evidence_is_the_sentence_of_the_passage_that_holds_the_answer(recorded):
    (name, sentence), *_ = LIGHTHOUSES.items()
    passage = LONG_TEXT[: len(sentence) + 400]
    (pair,) = recorded.pairs_in(passage)
    assert pair.evidence == sentence
    assert pair.answer in pair.evidence
    assert name in pair.question


def test_a_chunk_without_answers_of_a_known_document_gets_none(recorded):
    start = LONG_TEXT.index("On day 5")
    assert recorded.pairs_in(LONG_TEXT[start : start + 800]) == []
    assert recorded.pairs_in(BARREN["text"]) == []


def test_a_pair_that_its_document_does_not_support_is_never_given(recorded):
    assert "What colour was the moon?" not in {pair.question for pair in recorded.pairs_in(LONG_TEXT)}


def test_an_unknown_passage_is_told_apart_from_one_without_pairs(recorded):
    assert (
        recorded.pairs_in(
            "Bread needs flour, water, salt, a warm place and more patience than most people have."
        )
        is None
    )
    assert recorded.pairs_in("") is None
    assert RecordedPairs([]).pairs_in(LONG_TEXT) is None


def test_chinese_text_is_matched_and_quoted_by_its_sentences(recorded):
    pairs = recorded.pairs_in(CHINESE["text"])
    assert {pair.answer: pair.evidence for pair in pairs} == {
        "一八四三年": "灯塔建于一八四三年。",
        "守塔人": "守塔人每天晚上点亮灯火，直到天亮才休息。",
    }


def test_a_passage_that_was_cleaned_on_its_way_is_still_recognised(recorded):
    cleaned = " ".join(LONG_TEXT[:1200].split())
    (pair,) = recorded.pairs_in(cleaned)
    assert pair.evidence in cleaned


def test_an_answer_in_other_words_is_given_where_its_sentence_is_and_only_there(tmp_path):
    text = (
        "Copper conducts heat far better than steel. Cooks therefore like copper for delicate sauces.\n\n"
        + FAR_AWAY
        + "\n\nSteel pans, on the other hand, survive many decades of careless scrubbing."
    )
    qa = [
        {"question": "Which pans survive scrubbing?", "answer": "Pans of steel survive decades of scrubbing"}
    ]
    recorded = RecordedPairs([write(tmp_path / "c.jsonl", {"text": text, "qa": qa})])
    assert recorded.pairs_in(text[:300]) == []
    (pair,) = recorded.pairs_in(text[-300:])
    assert pair.evidence == "Steel pans, on the other hand, survive many decades of careless scrubbing."


FAR_AWAY = " ".join(f"Recipe {n} asks for {n * 13} grams of butter and {n + 2} eggs." for n in range(1, 30))


def test_copies_of_a_document_give_the_pairs_of_all_of_them_each_question_once(tmp_path):
    text = "The old mill by the river ground barley until the flood of 1931 took its wheel away."
    first = {"question": "What did the mill grind?", "answer": "barley"}
    second = {"question": "When was the flood?", "answer": "1931"}
    recorded = RecordedPairs(
        [write(tmp_path / "d.jsonl", {"text": text, "qa": [first]}, {"text": text, "qa": [first, second]})]
    )
    assert [pair.answer for pair in recorded.pairs_in(text)] == ["barley", "1931"]


def test_boilerplate_that_hundreds_of_documents_share_is_still_known(tmp_path):
    shared = (
        "Everything on this page is provided for information only and comes without any warranty of any kind."
    )
    documents = [{"text": f"Page {n * 7919} about item {n}. {shared}", "qa": []} for n in range(400)]
    assert RecordedPairs([write(tmp_path / "e.jsonl", *documents)]).pairs_in(shared) == []
