"""Cutting a text into passages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equal_stream.embedding.passages import Passage, PassageCutter
from tests.embedding.world import minilm_tokens, sentences


def cutter(target: int = 200, most: int = 256) -> PassageCutter:
    return PassageCutter(minilm_tokens(), target, most)


def check(text: str, passages: list[Passage], most: int = 256) -> None:
    """Exact slices, in order, within the window, nothing but white space between them."""
    end = 0
    for each in passages:
        assert text[each.start : each.end] == each.text
        assert each.text == each.text.strip() != ""
        assert not text[end : each.start].strip()
        assert each.tokens == minilm_tokens().count([each.text])[0] <= most
        end = each.end
    assert not text[end:].strip()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
            st.sampled_from(
                ["\n\n", "\n", ". ", "。", "؟ ", " ", "word " * 50, "水的沸点是一百。" * 20, "a" * 300]
            ),
        ),
        max_size=30,
    ).map("".join),
    st.integers(8, 60),
    st.integers(20, 64),
)
def test_passages_are_exact_slices_that_cover_the_text_and_fit_the_encoder(
    text: str, target: int, most: int
) -> None:
    check(text, cutter(target, most).cut(text), most)


def test_a_text_somewhat_longer_than_the_target_stays_whole() -> None:
    text = sentences(1, 10)
    (passage,) = cutter(180).cut(text)
    assert passage.tokens > 182


def test_passages_end_where_sentences_end() -> None:
    text = sentences(1, 60)
    assert all(each.text.endswith(".") for each in cutter(100).cut(text))


def test_paragraphs_are_preferred_to_sentences() -> None:
    paragraphs = [sentences(seed, 8) for seed in range(6)]
    found = cutter(180).cut("\n\n".join(paragraphs))
    assert [each.text for each in found] == paragraphs


def test_lengths_lie_around_the_target() -> None:
    lengths = [each.tokens for seed in range(5) for each in cutter(150).cut(sentences(seed, 80))]
    assert 130 < sum(lengths) / len(lengths) < 170


@pytest.mark.parametrize(
    "text",
    ["水的沸点是一百摄氏度。冰在零度融化。" * 100, "اللغة العربية تكتب من اليمين إلى اليسار؟ " * 80],
)
def test_sentences_end_at_the_marks_of_their_script(text: str) -> None:
    found = cutter(100).cut(text)
    check(text, found)
    assert all(each.text[-1] in "。؟" for each in found)


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "ab+/" * 5_000, "好" * 5_000, "x" + " " * 50_000 + "y", "😀" * 999]
)
def test_a_line_without_any_boundary_is_cut_all_the_same(text: str) -> None:
    found = cutter().cut(text)
    check(text, found)
    assert max(len(each.text) for each in found) < 30_000


def test_a_passage_joins_no_more_pieces_than_tokens_fit_even_if_they_have_none() -> None:
    text = sentences(1) + "\u200b\n" * 3_000 + sentences(2)  # each line would be joined with all before it
    found = cutter().cut(text)
    check(text, found)
    assert max(each.text.count("\n") for each in found) <= 256


def test_a_blank_text_has_no_passages() -> None:
    assert cutter().cut("") == cutter().cut(" \n\t ") == []


def test_the_same_text_is_cut_the_same_way() -> None:
    text = sentences(3, 50)
    assert cutter().cut(text) == cutter().cut(text)


def test_a_window_without_room_for_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        cutter(most=8)
