"""The demo's crawl: read from what is installed, never run, and the same every time."""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from equal_stream.demo import corpus
from equal_stream.demo.corpus import MAX_CHARACTERS, MIN_CHARACTERS, THEME, THEME_SHARE, documents, in_theme
from equal_stream.messages import CrawledDocument
from tests.demo.conftest import SMALL

LONG_ENOUGH = " ".join(["A sentence that says something about {subject}, as documentation does."] * 6)


class Installation:
    """Distributions that exist only for a test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, name: str, modules: dict[str, str], readme: str = "") -> None:
        info = self.directory / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n{readme}")
        for path, source in modules.items():
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / path).write_bytes(source.encode("utf-8", "surrogateescape"))
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in modules))

    def distributions(self) -> Sequence[metadata.Distribution]:
        return list(metadata.distributions(path=[str(self.directory)]))


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    installation = Installation(tmp_path)
    monkeypatch.setattr(corpus, "metadata", SimpleNamespace(distributions=installation.distributions))
    return installation


def docstring(subject: str) -> str:
    return f'"""{LONG_ENOUGH.format(subject=subject)}"""\n'


def functions(prefix: str, count: int) -> str:
    return "".join(f"def {prefix}{n}():\n    {docstring(f'{prefix} number {n}')}" for n in range(count))


def names(limit: int = 1_000) -> set[str]:
    return {each.url.rpartition("/")[2] for each in documents(limit)}


def test_modules_classes_functions_and_readmes_are_documents(installation: Installation) -> None:
    source = docstring("module") + "class Case:\n    " + docstring("class") + "    " + functions("method", 1)
    source = source.replace("    def method0():\n    ", "    def method0(self):\n        ")
    installation.add("tidy", {"tidy/__init__.py": source}, readme=LONG_ENOUGH.format(subject="readme"))
    assert names() == {"README", "tidy", "tidy.Case", "tidy.Case.method0"}
    one = next(each for each in documents(10) if each.title == "tidy.Case")
    assert one.url == "https://tidy.python-docs.invalid/tidy.Case"
    assert one.text == LONG_ENOUGH.format(subject="class")


def test_sources_are_parsed_and_never_run(installation: Installation, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    source = docstring("trap") + f"open({str(trap)!r}, 'w')\nraise SystemExit('was run')\n"
    installation.add("trap", {"trap/__init__.py": source})
    loaded = set(sys.modules)
    assert names() == {"trap"}
    assert not trap.exists()
    assert set(sys.modules) == loaded


BROKEN = {"syntax": "def (:\n", "utf-8": "\udcff\udcfe", "depth": f"x = {'(' * 5_000}", "nul": "x = '\0'\n"}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_parsed_is_passed_over(installation: Installation, broken: str) -> None:
    installation.add("mixed", {"mixed/bad.py": broken, "mixed/good.py": docstring("good")})
    installation.add("absent", {})
    (installation.directory / "absent-1.0.dist-info" / "RECORD").write_text("absent/gone.py,,\n")
    assert names() == {"mixed.good"}


def test_what_is_too_short_too_long_private_or_a_test_is_no_document(installation: Installation) -> None:
    hidden = functions("_private", 1) + 'def short():\n    """Too short."""\n'
    hidden += f'def long():\n    """{"word " * MAX_CHARACTERS}"""\n'
    installation.add("quiet", {"quiet/__init__.py": hidden, "quiet/tests/test_it.py": docstring("test")})
    installation.add("plain", {"plain/__init__.py": docstring("plain")}, readme="Short.")
    assert names() == {"plain"}


def test_a_text_that_occurs_twice_in_a_distribution_is_one_document(installation: Installation) -> None:
    installation.add("twice", {"twice/a.py": docstring("same"), "twice/b.py": docstring("same")})
    assert len(names()) == 1


def test_no_distribution_fills_the_crawl(installation: Installation) -> None:
    installation.add("large", {"large/__init__.py": functions("part", 200)})
    installation.add("small", {"small/__init__.py": functions("part", 5)})
    found = [each.title.partition(".")[0] for each in documents(1_000)]
    assert found.count("large") == corpus.PER_DISTRIBUTION
    assert found.count("small") == 5


def test_the_theme_comes_in_its_share_whatever_the_limit(installation: Installation) -> None:
    package, _, module = THEME.partition(".")
    for number in range(10):
        installation.add(f"other{number}", {f"other{number}/__init__.py": functions("part", 30)})
    installation.add(package, {f"{package}/{module}/_distances.py": functions("statistic", 200)})
    for limit in (100, 200):
        found = documents(limit)
        theirs = sum(len(each.text or "") for each in found if in_theme(each.url))
        assert theirs / sum(len(each.text or "") for each in found) == pytest.approx(THEME_SHARE, abs=0.01)
        assert sum(not in_theme(each.url) for each in found) == limit


def test_the_same_installation_gives_the_same_documents_however_it_is_listed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = {f"many/m{number}.py": functions(f"f{number}_", 5) for number in range(40)}
    for name in ("many", "more", "most"):
        installation.add(name, {path.replace("many", name): source for path, source in modules.items()})
    before = documents(50)
    for record in installation.directory.glob("*/RECORD"):
        record.write_text("".join(reversed(record.read_text().splitlines(keepends=True))))
    listed = list(reversed(installation.distributions()))
    monkeypatch.setattr(corpus, "metadata", SimpleNamespace(distributions=lambda: listed))
    assert documents(50) == before


@pytest.mark.slow
def test_this_installation_has_enough_to_read(small_corpus: list[CrawledDocument]) -> None:
    assert len({each.url for each in small_corpus}) == len(small_corpus) > SMALL
    theirs = [each for each in small_corpus if in_theme(each.url)]
    share = sum(len(each.text or "") for each in theirs) / sum(len(each.text or "") for each in small_corpus)
    assert share == pytest.approx(THEME_SHARE, abs=0.03)
    assert all(len(each.text or "") >= MIN_CHARACTERS for each in small_corpus)
    hosts = [urlsplit(each.url).hostname or "" for each in small_corpus]
    assert all(host.endswith(".invalid") for host in hosts)
    assert len(set(hosts)) > 20  # mixed, so that the crawl's beginning tells the same story as its end
