"""Which harvested pairs become examples."""

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.alignment.examples import Example, HarvestedPair, at_most, collect
from tests.embedding.world import sentences


def test_the_pairs_of_a_passage_come_together_in_the_order_they_came() -> None:
    harvested = [
        HarvestedPair("a", "one passage", "first"),
        HarvestedPair("b", "another text", "second"),
        HarvestedPair("a", "one passage", "third"),
    ]
    assert collect(harvested).examples == [
        Example("a", "one passage", ("first", "third")),
        Example("b", "another text", ("second",)),
    ]


def test_a_wording_that_a_passage_has_twice_counts_once() -> None:
    collected = collect(
        [HarvestedPair("a", "text", "What is it?\nA  tide"), HarvestedPair("a", "text", "what is it? a tide")]
    )
    assert collected.examples == [Example("a", "text", ("What is it?\nA  tide",))]
    assert collected.copied_pairs == 1


def test_a_wording_that_several_passages_have_tells_none_of_them_apart_and_is_left_out() -> None:
    collected = collect(
        [
            HarvestedPair("a", "granite from the harbour", "Who wrote this?\nThe editor"),
            HarvestedPair("b", "velvet in the orchard", "Who wrote this?\nThe editor"),
            HarvestedPair("b", "velvet in the orchard", "Where is the velvet?\nIn the orchard"),
        ]
    )
    assert collected.examples == [
        Example("b", "velvet in the orchard", ("Where is the velvet?\nIn the orchard",))
    ]
    assert collected.copied_pairs == 2


def test_copies_and_near_copies_of_a_passage_are_left_out_even_from_other_documents() -> None:
    text = sentences(1, 20)
    collected = collect(
        [
            HarvestedPair("a", text, "first"),
            HarvestedPair("b", f"{text}\n", "second"),
            HarvestedPair("c", text.replace("river", "stream", 1) + " Indeed.", "third"),
            HarvestedPair("d", sentences(2, 20), "fourth"),
        ]
    )
    assert [example.document for example in collected.examples] == ["a", "d"]
    assert collected.copied_passages == 2
    assert collected.pairs == 2


@given(st.lists(st.integers(1, 6), max_size=30), st.integers(0, 60), st.integers(0, 5))
def test_a_draw_never_exceeds_what_was_asked_and_breaks_no_example(
    sizes: list[int], most: int, seed: int
) -> None:
    examples = [Example(str(n), str(n), tuple(map(str, range(size)))) for n, size in enumerate(sizes)]
    drawn = at_most(examples, most, seed)
    assert sum(len(each.pairs) for each in drawn) <= most
    assert drawn == [each for each in examples if each in drawn]
    assert drawn == at_most(examples, most, seed)
    if sum(sizes) <= most:
        assert drawn == examples
