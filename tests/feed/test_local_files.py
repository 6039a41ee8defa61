"""HTML and text files: one document each, under the file's URL or the one its folder stands for."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.feed import plain
from equal_stream.feed.base import FeedOptions
from tests.feed.reading import documents, read, reasons


def test_an_html_file_is_a_page_under_its_file_url(tmp_path: Path) -> None:
    path = tmp_path / "a page.html"
    path.write_bytes("<p>Grüße</p>".encode("latin-1"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (page,) = documents(read(path)[0])
    assert page.url == f"file://{tmp_path}/a%20page.html"
    assert page.html == "<p>Grüße</p>"
    assert page.fetched_at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize("name", ["notes.txt", "notes.md", "notes.txt.gz"])
def test_a_text_file_is_a_document(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("# Notes\n")
    (document,) = documents(read(path)[0])
    assert (document.text, document.html) == ("# Notes\n", None)


def test_a_base_url_stands_for_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "mirror" / "b c" / "index.html"
    path.parent.mkdir(parents=True)
    path.write_text("<p>x</p>")
    options = FeedOptions(base_url="https://tides.example/en/", root=tmp_path / "mirror")
    assert documents(read(path, options)[0])[0].url == "https://tides.example/en/b%20c/index.html"


def test_a_file_outside_the_folder_of_the_base_url_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text("<p>x</p>")
    with pytest.raises(ConfigurationError, match="does not lie under"):
        read(path, FeedOptions(base_url="https://tides.example/", root=tmp_path / "mirror"))


def test_html_without_a_telling_name_is_recognised_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "page"
    path.write_text("\n <!DOCTYPE html><p>x</p>")
    assert documents(read(path)[0])[0].html is not None


def test_empty_and_oversized_files_get_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text(" \n")
    assert reasons(read(path)[0]) == ["no-text"]
    monkeypatch.setattr(plain, "MAX_CONTENT_BYTES", 1)
    assert reasons(read(path)[0]) == ["too-large"]
