"""The fence around a passage holds, and nothing is lost by it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.passage_tag import CLOSE, OPEN, escape, escaped_bytes, unescape

TAGGED = st.lists(
    st.sampled_from(["<", "/", "\\", " ", "\n", "passage", "PASSAGE", "paſſage", "Passage>", ">", "x", "é"])
).map("".join)
A_TAG = re.compile(r"<\s*/?\s*passage", re.IGNORECASE)


@given(st.one_of(st.text(), TAGGED))
def test_unescaping_gives_back_exactly_the_text_there_was(text: str) -> None:
    assert unescape(escape(text)) == text


@given(TAGGED)
def test_no_passage_tag_survives_in_any_case_or_spacing(text: str) -> None:
    assert A_TAG.search(escape(text)) is None


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), TAGGED))
def test_escaping_makes_no_more_bytes_than_the_bound_says(text: str) -> None:
    assert len(escape(text).encode()) <= escaped_bytes(len(text.encode()))


@pytest.mark.parametrize("tag", [OPEN, CLOSE, "</PASSAGE>", "< / Passage >", "<\n/passage", "<passage id=1>"])
def test_every_way_to_write_the_tag_is_defused(tag: str) -> None:
    assert escape(f"before {tag} after") == f"before <\\{tag[1:]} after"


def test_text_without_the_tag_stays_as_it_is() -> None:
    text = "a < b </p> \\<b> passage <pass age>"
    assert escape(text) == text
