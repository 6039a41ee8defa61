"""The text of a page, whatever encoding it is in and whatever is said about it."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.feed.charset import charset_of, page_text

RUSSIAN = "<html><body>Прилив бывает два раза в сутки, и каждый раз вода уходит обратно.</body></html>"
JAPANESE = '<html><head><meta charset="shift_jis"></head><body>潮は一日に二回変わります。</body></html>'
FRENCH = "<html><body>La marée change deux fois par jour, à l'été comme à l'hiver.</body></html>"


@given(st.text().filter(lambda text: "\x1b" not in text and not text.startswith("\ufeff")))
def test_utf8_is_read_as_utf8_whatever_the_server_says(text: str) -> None:
    data = text.encode()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    assert page_text(data, "iso-8859-1") == text


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_byte_order_mark_comes_first(mark: bytes) -> None:
    encoding = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le"}.get(mark, "utf-16-be")
    assert page_text(mark + RUSSIAN.encode(encoding), "windows-1252") == RUSSIAN


def test_the_server_is_believed_where_the_bytes_are_not_utf8() -> None:
    assert page_text(RUSSIAN.encode("koi8-r"), "KOI8-R") == RUSSIAN
    assert page_text(FRENCH.encode("latin-1"), "ISO-8859-1") == FRENCH


def test_the_meta_tag_is_asked_where_the_server_is_silent_or_wrong() -> None:
    data = JAPANESE.encode("shift_jis")
    assert page_text(data) == JAPANESE
    assert page_text(data, "utf-8") == JAPANESE
    assert page_text(data, "no-such-charset") == JAPANESE


def test_the_encoding_is_detected_where_nothing_names_it() -> None:
    assert page_text(RUSSIAN.encode("windows-1251")) == RUSSIAN


def test_one_bad_byte_costs_one_character() -> None:
    data = b"<p>\xff" + RUSSIAN.encode() * 3
    assert page_text(data, "utf-8") == "<p>\ufffd" + RUSSIAN * 3


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;charset="ISO-8859-1"', "ISO-8859-1"),
        ("text/html; CHARSET='x'; boundary=1", "x"),
        ("text/html", None),
        ("text/html; charset=", None),
        ("", None),
    ],
)
def test_the_charset_of_a_content_type(header: str, charset: str | None) -> None:
    assert charset_of(header) == charset
