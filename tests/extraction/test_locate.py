"""Quotes are found as the document's own characters, to the exact offset."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.locate import QuoteIndex, normal_form

SPACES = st.sampled_from([" ", "\n", "\t", "  ", "\u00a0", " \n ", "\u2009", "\r\n"])
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=6), SPACES, st.sampled_from(["…", "“a”", "e\u0301", "é", "한", "a\u200bb", "—"])
    ),
    max_size=12,
).map("".join)


@st.composite
def copied(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text and a stretch of it as a model copies it: white space mangled, ends padded."""
    text = draw(TEXTS)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    parts = [draw(SPACES) if part.isspace() else part for part in text[start:end]]
    return text, draw(SPACES) + "".join(parts) + draw(SPACES)


@given(copied())
def test_what_is_found_equals_the_quote_in_normal_form(case: tuple[str, str]) -> None:
    text, quote = case
    span = QuoteIndex(text).find(quote)
    if span is not None:
        assert 0 <= span.start < span.end <= len(text)
        assert normal_form(text[span.start : span.end]) == normal_form(quote)


@given(st.text(min_size=1), st.text(), st.text())
def test_every_stretch_between_spaces_is_found_however_its_white_space_is_mangled(
    quote: str, before: str, after: str
) -> None:
    text = f"{before} {quote} {after}"
    mangled = "".join(" \n" if character.isspace() else character for character in quote)
    index = QuoteIndex(text)
    wanted = normal_form(quote)
    span = index.find(mangled)
    if wanted and not unicodedata.combining(wanted[0]):  # a mark belongs to the letter before it
        assert span is not None
        assert normal_form(text[span.start : span.end]) == wanted


@given(st.text(), st.text())
def test_finding_never_raises(text: str, quote: str) -> None:
    QuoteIndex(text).find(quote)


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("He said “no” — twice…", 'He said "no" - twice...', "He said “no” — twice…"),
        ("one\n   two\tthree", "one two three", "one\n   two\tthree"),
        ("Cafe\u0301 noir", "Café noir", "Cafe\u0301 noir"),
        ("Café noir", "Cafe\u0301 noir", "Café noir"),
        ("soft\u00adhyphen here", "softhyphen here", "soft\u00adhyphen here"),
        ("  padded  ", " padded ", "padded"),
        ("早上好，世界。", "世界。", "世界。"),
        ("مرحبا بالعالم", "بالعالم", "بالعالم"),
    ],
)
def test_typography_and_white_space_do_not_hide_a_quote(text: str, quote: str, found: str) -> None:
    span = QuoteIndex(text).find(quote)
    assert span is not None
    assert text[span.start : span.end] == found


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("The Nile", "the nile"),  # case is part of what was written
        ("The Nile", "The Amazon"),
        ("Café", "Cafe"),  # a letter is not cut from its accent
        ("Cafe\u0301", "Cafe"),
        ("wait… what", "wait.. what"),
        ("anything", "  "),
        ("", "x"),
    ],
)
def test_what_is_not_there_is_not_found(text: str, quote: str) -> None:
    assert QuoteIndex(text).find(quote) is None


def test_a_later_whole_occurrence_is_found_past_one_that_is_cut() -> None:
    text = "café and cafe"
    span = QuoteIndex(text).find("cafe")
    assert span == (9, 13)
