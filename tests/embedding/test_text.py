"""The text of a document, from text or html."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.embedding.html import MAX_DEPTH, MAX_OPTIONS, page_text
from equal_stream.embedding.text import document_text
from equal_stream.errors import InvalidRecord
from equal_stream.messages import CrawledDocument

LIMIT = 10_000
ARTICLE = "<p>" + "The river carries ice in winter and timber in summer, as it always has. " * 8 + "</p>"


def of(**fields: str) -> CrawledDocument:
    return CrawledDocument(url="https://example.org/", **fields)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_text_is_taken_to_the_character(text: str) -> None:
    assert document_text(of(text=text), LIMIT).text == text


def test_text_wins_over_html_unless_it_is_blank() -> None:
    assert document_text(of(text="plain", html=ARTICLE), LIMIT).text == "plain"
    assert document_text(of(text=" ", html=ARTICLE), LIMIT).text.startswith("The river")


def test_a_document_without_both_is_refused() -> None:
    with pytest.raises(InvalidRecord) as caught:
        document_text(of(), LIMIT)
    assert caught.value.reason == "no-content"


def test_lone_surrogates_are_refused_with_their_field() -> None:
    for field in ("text", "html"):
        with pytest.raises(InvalidRecord) as caught:
            document_text(of(**{field: "a\ud800b"}), LIMIT)
        assert (caught.value.reason, caught.value.field) == ("invalid-text", field)


def test_html_far_beyond_the_longest_text_is_not_parsed() -> None:
    with pytest.raises(InvalidRecord) as caught:
        document_text(of(html="<p>" + "x" * (4 * LIMIT)), LIMIT)
    assert caught.value.reason == "html-too-long"


def test_the_given_title_comes_before_that_of_the_page() -> None:
    page = f"<title>Page\n title</title>{ARTICLE}"
    assert document_text(of(html=page), LIMIT).title == "Page title"
    assert document_text(of(html=page, title="Given"), LIMIT).title == "Given"


def test_the_main_content_is_taken_without_navigation_and_scripts() -> None:
    page = (
        "<html><body><nav><a href='/'>Home</a><a href='/x'>Imprint</a></nav>"
        f"<main><article><h1>Ice</h1>{ARTICLE}<script>steal()</script><style>p{{}}</style></article></main>"
        "<footer>Copyright</footer></body></html>"
    )
    text, _ = page_text(page)
    assert text.startswith("Ice\n\nThe river carries ice")
    assert all(word not in text for word in ("Imprint", "steal", "Copyright", "p{}"))


def test_a_page_whose_main_content_cannot_be_told_gives_all_its_text() -> None:
    page = "<ul>" + "".join(f"<li><a href='/{n}'>Entry number {n}</a></li>" for n in range(50)) + "</ul>"
    assert "Entry number 49" in page_text(page)[0]


def test_the_same_page_gives_the_same_text() -> None:
    page = f"<div>{ARTICLE}<table><tr><td>a<td>b</table>"
    assert page_text(page) == page_text(page)


def test_nesting_is_bounded_and_unclosed_paragraphs_do_not_count() -> None:
    with pytest.raises(InvalidRecord):
        page_text("<div>" * (MAX_DEPTH + 1))
    assert page_text("<p>word " * 5000)[0]


def test_options_of_one_list_are_bounded_and_many_short_lists_are_not() -> None:
    with pytest.raises(InvalidRecord, match="options"):
        page_text(f"{ARTICLE}<SELECT>{'<OPTION>x' * (MAX_OPTIONS + 1)}")
    assert page_text(f"{ARTICLE}{('<select>' + '<option>x' * 500 + '</select>') * 50}")[0]


def test_a_long_image_in_a_tag_is_no_reason_to_refuse() -> None:
    assert page_text(f"{ARTICLE}<img src='data:image/png;base64,{'A' * 100_000}'>")[0]


@given(st.text(alphabet="<>/abdiv p='\"&;!-", max_size=200))
def test_any_markup_gives_some_text(markup: str) -> None:
    text, title = page_text(markup)
    text.encode("utf-8")
    title.encode("utf-8")
