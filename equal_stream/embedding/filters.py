"""What is not worth embedding: each filter looks at a version and answers with a reason, or None."""

import re
from collections.abc import Callable, Sequence

from equal_stream.embedding.intake import Version
from equal_stream.embedding.language import primary
from equal_stream.embedding.tokens import Tokens
from equal_stream.settings import PassageSettings

Filter = Callable[[Version], str | None]

_SHORT_TEXT = 2_000  # characters; longer texts have more than any sensible least number of tokens
_RUN = re.compile(r"\S{1000,}")
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)


def too_short(tokens: Tokens, least: int) -> Filter:
    """Refuse texts of fewer than `least` tokens, special tokens not counted."""

    def check(version: Version) -> str | None:
        if len(version.text) > _SHORT_TEXT:
            return None
        (count,) = tokens.count([version.text])
        count -= tokens.special
        return f"too-short: {count} tokens, {least} are the least" if count < max(1, least) else None

    return check


def too_long(most: int) -> Filter:
    """Refuse texts of more than `most` characters."""

    def check(version: Version) -> str | None:
        count = len(version.text)
        return f"too-long: {count:,} characters, {most:,} are the most" if count > most else None

    return check


def unwanted_language(wanted: Sequence[str]) -> Filter:
    """Refuse texts in none of the `wanted` languages; with none named, all are welcome."""
    codes = frozenset(primary(code) for code in wanted)

    def check(version: Version) -> str | None:
        if not codes or primary(version.lang) in codes:
            return None
        return f"unwanted-language: {version.lang}, wanted are {', '.join(sorted(codes))}"

    return check


def without_words(version: Version) -> str | None:
    """Refuse texts that are mostly one unbroken run of characters: encoded data, not language."""
    if len(version.text) < 1000:
        return None
    unbroken = sum(
        len(run[0])
        for run in _RUN.finditer(version.text)
        if 5 * len(_WITHOUT_SPACES.findall(run[0])) < len(run[0])
    )
    if 2 * unbroken < len(version.text):
        return None
    return f"without-words: {unbroken:,} of {len(version.text):,} characters lie in unbroken runs"


def filters(settings: PassageSettings, tokens: Tokens) -> list[Filter]:
    """Return all filters, the cheapest first."""
    return [
        too_long(settings.max_document_characters),
        unwanted_language(settings.languages),
        without_words,
        too_short(tokens, settings.min_tokens),
    ]


def first_reason(version: Version, checks: Sequence[Filter]) -> str | None:
    """Return the reason of the first filter that refuses a version, or None."""
    return next((reason for check in checks if (reason := check(version)) is not None), None)
