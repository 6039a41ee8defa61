"""What is not worth embedding."""

from collections.abc import Callable

import pytest

from equal_stream.embedding.filters import filters, first_reason
from equal_stream.embedding.fingerprint import fingerprint
from equal_stream.embedding.intake import Version
from equal_stream.settings import PassageSettings
from equal_stream.transport.base import Record
from tests.embedding.world import minilm_tokens, sentences

RECORD = Record("crawl.documents", 0, 0, b"k", b"v", (), 1)


@pytest.fixture
def reason() -> Callable[..., str | None]:
    def judge(text: str, lang: str = "en", **passages: object) -> str | None:
        version = Version(RECORD, "u", "d", 0.0, text, "", lang, fingerprint(""))
        return first_reason(version, filters(PassageSettings.model_validate(passages), minilm_tokens()))

    return judge


def test_ordinary_texts_pass(reason: Callable[..., str | None]) -> None:
    assert reason(sentences(1)) is None
    assert reason("水的沸点是一百摄氏度。" * 300, "zh") is None
    assert reason("ภาษาไทยเป็นภาษาที่มีระดับเสียง" * 100, "th") is None


def test_short_texts_are_refused_by_tokens(reason: Callable[..., str | None]) -> None:
    assert str(reason("one two three")).startswith("too-short: 3 tokens, 8 ")
    assert reason("one two three", min_tokens=3) is None


def test_even_without_a_least_number_an_empty_text_is_refused(reason: Callable[..., str | None]) -> None:
    assert str(reason(" ", min_tokens=0)).startswith("too-short:")


def test_long_texts_are_refused_by_characters(reason: Callable[..., str | None]) -> None:
    assert str(reason(sentences(1), max_document_characters=100)).startswith("too-long:")


def test_languages_are_compared_without_region(reason: Callable[..., str | None]) -> None:
    assert reason(sentences(1), "pt-BR", languages=["pt"]) is None
    assert str(reason(sentences(1), "und", languages=["pt"])).startswith("unwanted-language: und")


def test_data_without_words_is_refused_and_a_long_link_is_not(reason: Callable[..., str | None]) -> None:
    assert str(reason("x1y2" * 10_000)).startswith("without-words:")
    assert reason(sentences(1, 60) + " https://example.org/" + "a" * 1500) is None
