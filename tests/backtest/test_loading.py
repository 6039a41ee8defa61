import json

import pytest

from equal_stream.backtest.loading import load_corpus, load_target
from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings

from .encoding import HashingEncoder, cached


@pytest.fixture
def hashing(tmp_path):
    """An encoder that costs nothing."""
    with cached(tmp_path, HashingEncoder()) as encoder:
        yield encoder


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def references(count, **fields):
    return [
        {"question": f"question {number} {fields}?", "answer": "yes", **fields} for number in range(count)
    ]


def refusal(encoder, path, topic=""):
    with pytest.raises(ConfigurationError) as refused:
        load_target(encoder, path, topic)
    return str(refused.value)


@pytest.mark.parametrize("name", ["targets.jsonl", "targets.jsonl.gz"])
def test_a_target_is_named_after_its_file_or_topic(tmp_path, hashing, name):
    path = write(tmp_path / name, *references(3, topic="a/b"), *references(4))
    whole, part = load_target(hashing, path), load_target(hashing, path, "a/b")
    assert (whole.name, len(whole.texts), whole.vectors.shape) == ("targets", 7, (7, 8))
    assert (part.name, len(part.texts), part.seen.sum()) == ("a/b", 3, 2)


def test_a_topic_that_is_not_there_is_answered_with_those_that_are(tmp_path, hashing):
    path = write(tmp_path / "t.jsonl", *references(3, topic="bees"), *references(5, topic="rivers"))
    assert refusal(hashing, path, "bread") == (
        f"{path} has no reference of topic 'bread', and a backtest needs two or more; "
        "its topics are rivers (5), bees (3)"
    )


def test_of_many_topics_the_most_frequent_are_named(tmp_path, hashing):
    lines = [line for number in range(20) for line in references(number + 1, topic=f"t{number}")]
    said = refusal(hashing, write(tmp_path / "t.jsonl", *lines), "bread")
    assert said.endswith("t19 (20), t18 (19), t17 (18), t16 (17), t15 (16), t14 (15), t13 (14), t12 (13), "
                         "t11 (12), t10 (11), t9 (10), t8 (9) and 8 more")  # fmt: skip


def test_a_file_without_topics_says_so(tmp_path, hashing):
    path = write(tmp_path / "t.jsonl", *references(3))
    assert refusal(hashing, path, "bread").endswith("; none of its lines names a topic")


def test_one_reference_cannot_be_split(tmp_path, hashing):
    path = write(tmp_path / "t.jsonl", *references(1))
    assert refusal(hashing, path) == f"{path} has only one reference, and a backtest needs two or more"
    topic = write(tmp_path / "u.jsonl", *references(1, topic="bees"), *references(9))
    assert "has only one reference of topic 'bees'" in refusal(hashing, topic, "bees")


def test_one_question_asked_often_is_one_reference(tmp_path, hashing):
    path = write(tmp_path / "t.jsonl", *references(1) * 3)
    assert refusal(hashing, path).endswith("2 lines left out; line 2 has the same id or question as line 1")


def test_what_is_no_reference_is_left_out_and_told(tmp_path, hashing):
    path = write(tmp_path / "t.jsonl", *references(4), "{", {"question": "q"})
    told = []
    assert len(load_target(hashing, path, warn=told.append).texts) == 4
    assert told[0].startswith(f"{path}: 2 lines left out; line 5 is not JSON")


def test_a_reference_file_that_is_not_there_is_one_sentence(tmp_path, hashing):
    assert "none.jsonl cannot be read: No such file" in refusal(hashing, tmp_path / "none.jsonl")


def test_a_crawl_without_any_pair_is_told(tmp_path, encoder):
    path = write(tmp_path / "crawl.jsonl", {"text": "Bees fly.", "pairs": [{"question": "q", "answer": "a"}]})
    told = []
    assert load_corpus(encoder, Settings(), [path], warn=told.append).questions == []
    assert told == ["no document has a pair in its field qa, so whatever is bought, nothing will be reached"]


def test_documents_are_sampled_then_put_in_their_order(tmp_path, encoder):
    pairs = [{"question": "Which?", "answer": "Text"}]
    lines = [
        {"text": f"Text {i}.", "qa": pairs, "fetched_at": f"2026-01-{28 - i:02}T00:00:00Z"} for i in range(20)
    ]
    path = write(tmp_path / "crawl.jsonl", *lines, lines[0])
    told = []
    corpus = load_corpus(encoder, Settings(), [path], 5, 1, warn=told.append)
    again = load_corpus(encoder, Settings(), [path], 5, 1)
    assert corpus.documents == len(corpus) == 5
    assert corpus.passage_ids == again.passage_ids
    assert told == ["documents left out because their text came before: 1"]
