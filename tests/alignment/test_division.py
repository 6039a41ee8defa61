"""Holding documents out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.alignment.division import FEWEST_HELD_OUT, FEWEST_LEARNED, TooFewExamples, divide
from equal_stream.alignment.examples import Example


def make(passages_of_documents: list[int]) -> list[Example]:
    return [
        Example(f"document-{document}", f"{document}/{passage}", (f"pair of {document}/{passage}", "another"))
        for document, passages in enumerate(passages_of_documents)
        for passage in range(passages)
    ]


@given(st.lists(st.integers(1, 8), min_size=60, max_size=120), st.integers(0, 9))
def test_no_document_is_on_both_sides_and_nothing_is_lost(sizes: list[int], seed: int) -> None:
    examples = make(sizes)
    try:
        division = divide(examples, seed)
    except TooFewExamples:
        assert 0.2 * len(examples) < 1.2 * FEWEST_HELD_OUT
        return
    learned, held = ({each.document for each in side} for side in (division.learned, division.held_out))
    assert not learned & held
    assert sorted(division.learned + division.held_out, key=examples.index) == examples
    assert 0.15 * len(examples) <= len(division.held_out) <= 0.25 * len(examples) + 8


def test_one_document_that_holds_nearly_everything_is_learned_from() -> None:
    division = divide(make([400, *[1] * 200]), seed=3)
    assert {each.document for each in division.held_out}.isdisjoint({"document-0"})
    assert len(division.held_out) == 120


def test_seeds_hold_other_documents_out_and_the_same_seed_the_same() -> None:
    examples = make([1] * 300)
    assert divide(examples, 1) == divide(examples, 1)
    assert divide(examples, 1).held_out != divide(examples, 2).held_out


@pytest.mark.parametrize(
    "examples",
    [[], make([1] * 20), make([500]), [Example(str(n), str(n), ("one",)) for n in range(FEWEST_LEARNED)]],
    ids=["nothing", "few", "one document", "too few to learn from"],
)
def test_too_little_is_refused_in_one_sentence_with_the_numbers(examples: list[Example]) -> None:
    with pytest.raises(TooFewExamples, match=rf"{FEWEST_LEARNED} are needed.*{FEWEST_HELD_OUT} are"):
        divide(examples, 0)
