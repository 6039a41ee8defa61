"""Language identification."""

import pytest

from equal_stream.embedding.language import identify, primary

SAMPLES = {
    "en": "The museum is open every day except Monday, and admission is free for children.",
    "de": "Das Museum ist täglich außer montags geöffnet, und für Kinder ist der Eintritt frei.",
    "fr": "Le musée est ouvert tous les jours sauf le lundi, et l'entrée est gratuite pour les enfants.",
    "zh": "博物馆除星期一外每天开放，儿童免费入场。",
    "ja": "博物館は月曜日を除いて毎日開館しており、子供は無料です。",
    "ar": "المتحف مفتوح كل يوم ما عدا يوم الاثنين، والدخول مجاني للأطفال.",
    "he": "המוזיאון פתוח בכל יום מלבד יום שני, והכניסה חינם לילדים.",
    "ru": "Музей открыт ежедневно, кроме понедельника, вход для детей бесплатный.",
}


@pytest.mark.parametrize(("code", "text"), SAMPLES.items())
def test_common_languages_are_told_from_one_sentence(code: str, text: str) -> None:
    assert identify(text) == code


def test_a_text_that_tells_overrules_what_the_page_declares() -> None:
    assert identify(SAMPLES["de"], "en") == "de"


def test_a_declared_tag_that_says_more_is_kept() -> None:
    assert identify(SAMPLES["zh"], "zh-Hant") == "zh-Hant"


@pytest.mark.parametrize("text", ["", "12345 678", "hi", "!!!"])
def test_a_text_that_does_not_tell_has_the_declared_language_or_none(text: str) -> None:
    assert identify(text, "sv") == "sv"
    assert identify(text) == "und"


@pytest.mark.parametrize("declared", ["", "not a tag!", "x" * 500])
def test_what_is_no_language_tag_is_not_taken_over(declared: str) -> None:
    assert identify("12345", declared) == "und"


def test_the_language_of_a_tag_is_its_first_part() -> None:
    assert [primary(tag) for tag in ("de", "pt-BR", "ZH-Hant-TW")] == ["de", "pt", "zh"]
