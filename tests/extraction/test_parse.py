"""Answers as models give them, and worse."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.parse import MALFORMED, SURPLUS, RawPair, Unreadable, parse

PAIR = {"question": "What is it?", "answer": "It is so.", "evidence": "so it is"}
PLAIN = json.dumps({"pairs": [PAIR]})
ONE = [RawPair("What is it?", "It is so.", "so it is")]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        f"```json\n{PLAIN}\n```",
        f"Here are the pairs:\n```\n{PLAIN}\n```\nI hope this helps.",
        f"Sure! {PLAIN}",
        f"<think>Hm, {{maybe}} not.</think>\n{PLAIN}",
        f"\ufeff {PLAIN}\n",
        json.dumps([PAIR]),
        json.dumps({"pairs": [PAIR | {"note": "unasked for"}], "model": "x"}),
    ],
)
def test_one_reading_is_accepted_in_any_wrapping(content: str) -> None:
    assert parse(content, 5).pairs == ONE


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I cannot do that.",
        PLAIN[:-10],
        f"```\n{PLAIN}\n```\nor\n```\n{PLAIN}\n```",
        "{}",
        '{"pairs": {}}',
        '{"pairs": null}',
        '"pairs"',
        "42",
        "[" * 100_000,
        '{"pairs":' * 50_000,
        "x" * 300_000,
    ],
)
def test_anything_else_is_unreadable(content: str) -> None:
    with pytest.raises(Unreadable):
        parse(content, 5)


def test_a_pair_of_wrong_types_is_counted_and_the_others_are_kept() -> None:
    wrong = [PAIR | {"answer": 42}, PAIR | {"evidence": None}, {"question": "What?"}, "pair", None, [PAIR]]
    parsed = parse(json.dumps({"pairs": [*wrong, PAIR]}), 5)
    assert parsed.pairs == ONE
    assert parsed.rejected == {MALFORMED: 6}


def test_more_pairs_than_asked_for_are_counted_as_surplus() -> None:
    parsed = parse(json.dumps({"pairs": [PAIR] * 9}), 5)
    assert len(parsed.pairs) == 5
    assert parsed.rejected == {SURPLUS: 4}


def test_a_pair_with_an_endless_field_is_malformed() -> None:
    parsed = parse(json.dumps({"pairs": [PAIR | {"answer": "so " * 10_000}]}), 5)
    assert parsed == type(parsed)([], {MALFORMED: 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*PAIR, "pairs", "x"]), inner)
    ),
)


@given(st.one_of(st.text(), JSON.map(json.dumps), JSON.map(lambda value: json.dumps({"pairs": [value]}))))
def test_no_answer_makes_it_raise_anything_but_unreadable(content: str) -> None:
    try:
        parsed = parse(content, 3)
    except Unreadable:
        return
    assert len(parsed.pairs) <= 3
    assert all(isinstance(field, str) for pair in parsed.pairs for field in (pair.question, pair.answer))
