"""The demo's crawl: docstrings and READMEs of the Python distributions installed on this machine.

Real text by many authors, and nothing is downloaded or imported: sources are parsed, not run. The same
installation always gives the same documents, in an order that mixes all distributions.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from inspect import cleandoc
from itertools import islice
from pathlib import Path

from equal_stream.messages import CrawledDocument

THEME = "scipy.stats"  # a package every installation has, and one that its neighbours do not resemble much
THEME_SHARE = 0.06  # of all characters: rare enough that finding it is worth something
PER_DISTRIBUTION = 36  # so that the largest distributions do not fill the crawl
FILES_PER_DISTRIBUTION = 30
MIN_CHARACTERS, MAX_CHARACTERS = 300, 6_000
README_CHARACTERS = 8_000
_SKIPPED = frozenset(
    {"tests", "test", "testing", "_vendor", "vendor", "_vendored_packages", "thirdparty_files"}
)


@dataclass(frozen=True, slots=True)
class SourceText:
    """A docstring or README: its dotted name, the distribution it is from, and its text."""

    name: str
    distribution: str
    text: str

    @property
    def url(self) -> str:
        """An address that nobody can serve (RFC 2606), stable for the name."""
        return f"https://{self.distribution.lower().replace('_', '-')}.python-docs.invalid/{self.name}"


def documents(limit: int) -> list[CrawledDocument]:
    """Return about `limit` documents, `THEME_SHARE` of their characters about the theme.

    The first tells the same story as the last: the order is by hash of the address.
    """
    general: list[SourceText] = []
    theme: list[SourceText] = []
    for distribution in sorted(metadata.distributions(), key=lambda each: each.name.lower()):
        found = _of_distribution(distribution)
        general.extend(islice((each for each in found if not in_theme(each.url)), PER_DISTRIBUTION))
        if distribution.name == THEME.partition(".")[0]:
            theme = list(_docstrings(distribution, under=THEME.replace(".", "/")))
    general = sorted(general, key=_order)[:limit]
    wanted = sum(len(each.text) for each in general) * THEME_SHARE / (1 - THEME_SHARE)
    chosen: list[SourceText] = []
    for each in sorted(theme, key=_order):
        if sum(len(one.text) for one in chosen) >= wanted:
            break
        chosen.append(each)
    return [
        CrawledDocument(url=each.url, text=each.text, title=each.name, lang="en", content_type="text/plain")
        for each in sorted([*general, *chosen], key=_order)
    ]


def in_theme(url: str) -> bool:
    """Return whether a document's address lies within the theme."""
    return f"/{THEME}." in url


def _of_distribution(distribution: metadata.Distribution) -> Iterator[SourceText]:
    readme = (distribution.metadata.get_payload() or "").strip()  # type: ignore[attr-defined]  # an email.Message
    if len(readme) >= MIN_CHARACTERS:
        yield SourceText("README", distribution.name, readme[:README_CHARACTERS])
    yield from _docstrings(distribution)


def _docstrings(distribution: metadata.Distribution, under: str = "") -> Iterator[SourceText]:
    """Yield the docstrings of a distribution's modules, in an order fixed by their paths' hashes."""
    paths = [
        path
        for path in distribution.files or []
        if path.suffix == ".py" and str(path).startswith(under) and not _SKIPPED.intersection(path.parts)
    ]
    paths.sort(key=lambda path: hashlib.sha256(str(path).encode()).digest())
    seen: set[str] = set()
    for path in paths if under else paths[:FILES_PER_DISTRIBUTION]:
        module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        for name, text in _parsed(Path(str(distribution.locate_file(path)))):
            if MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS and text not in seen:
                seen.add(text)
                yield SourceText(f"{module}.{name}" if name else module, distribution.name, text)


def _parsed(path: Path) -> Iterator[tuple[str, str]]:
    try:
        source = path.read_text("utf-8")
        tree = ast.parse(source)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError):
        return
    yield from _named("", tree)


def _named(
    prefix: str, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[tuple[str, str]]:
    text = ast.get_docstring(node, clean=False)
    if text:
        yield prefix, cleandoc(text)
    for child in node.body:
        if isinstance(
            child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and not child.name.startswith("_"):
            yield from _named(f"{prefix}.{child.name}" if prefix else child.name, child)


def _order(each: SourceText) -> bytes:
    return hashlib.sha256(each.url.encode()).digest()
