"""The encoder's tokenizer."""

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.embedding.tokens import LONGEST_WORD, encodable, without_controls
from tests.embedding.world import minilm_tokens


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_removing_control_characters_keeps_the_length(text: str) -> None:
    clean = without_controls(text)
    assert len(clean) == len(text)
    assert "\x00" not in clean


def test_ordinary_text_is_encoded_as_it_is() -> None:
    text = "Line one.\nLine\ttwo, 水的沸点, and https://example.org/a/b?c=d."
    assert encodable(text) == text


def test_overlong_words_are_broken_so_that_none_becomes_unknown() -> None:
    broken = encodable("a" * 350)
    assert max(map(len, broken.split())) == LONGEST_WORD
    assert broken.replace(" ", "") == "a" * 350


def test_long_runs_of_chinese_are_left_alone() -> None:
    assert encodable("水" * 500) == "水" * 500


def test_spans_tell_where_tokens_are() -> None:
    text = "Hello\x00 wörld 你好"
    assert [text[a:b] for a, b in minilm_tokens().spans(text)] == ["Hello", "wörld", "你", "好"]


def test_spans_of_a_long_text_do_not_depend_on_how_it_is_taken_apart() -> None:
    text = "number and word. " * 8_000
    spans = minilm_tokens().spans(text)
    assert len(spans) == 4 * 8_000
    assert text[spans[-1][0] : spans[-1][1]] == "."


def test_counts_include_special_tokens() -> None:
    assert minilm_tokens().count(["hello world", ""]) == [4, 2]
