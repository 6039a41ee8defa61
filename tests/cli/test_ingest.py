"""`ingest`: what it publishes, what it says, and how it ends."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream.allocator.reading import read_to_end
from equal_stream.cli.app import run
from tests.feed.archives import Entry, write_warc, write_wet
from tests.feed.logs import open_log, published, urls


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Give back the signal handlers that a command takes over."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def jsonl(path: Path, *entries: object) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def page(number: int, **fields: object) -> dict[str, object]:
    return {"url": f"https://a.example/{number}", "text": f"text {number}"} | fields


def ingested(data_dir: Path) -> list[str]:
    transport = open_log(data_dir)
    try:
        return urls(transport)
    finally:
        transport.close()


def test_files_of_every_kind_are_published_with_their_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        jsonl(tmp_path / "a.jsonl", page(1), page(2)),
        write_warc(tmp_path / "b.warc.gz", [Entry(uri="https://a.example/w"), Entry(status="404 Gone")]),
        write_wet(tmp_path / "c.warc.wet.gz", {"https://a.example/t": "text"}),
    ]
    (tmp_path / "d.html").write_text("<p>x</p>")
    code = run(["ingest", *map(str, files), str(tmp_path / "d.html"), "--data-dir", str(tmp_path / "data")])
    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.splitlines() == [
        "4 files: 7 records, 5 published, 2 left out",
        "  http-status: 1",
        "  warcinfo: 1",
    ]
    assert printed.err == ""
    assert len(ingested(tmp_path / "data")) == 5


def test_json_lists_every_record_that_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = jsonl(tmp_path / "a.jsonl", page(1), {"text": "lost"})
    assert run(["ingest", str(path), "--json", "--data-dir", str(tmp_path / "data")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["published"] == 1
    assert report["records"] == 2
    assert report["skipped"] == {"missing-url": 1}
    (problem,) = report["problems"]
    assert problem["where"] == "line 2"
    assert problem["file"] == str(path)
    assert report["problems_not_listed"] == 0


def test_verbose_names_what_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = jsonl(tmp_path / "a.jsonl", page(1), {"text": "lost"})
    run(["ingest", str(path), "--verbose", "--data-dir", str(tmp_path / "data")])
    assert capsys.readouterr().err == (
        f"{path}, line 2: has no url, and no doc_id to make one from [missing-url]\n"
    )


def test_a_broken_file_is_one_sentence_and_the_other_files_are_still_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_warc(tmp_path / "a.warc.gz", [Entry(uri="https://a.example/w"), Entry()])
    broken.write_bytes(broken.read_bytes()[:-100])
    other = jsonl(tmp_path / "b.jsonl", page(1))
    code = run(["ingest", str(broken), str(other), "--data-dir", str(tmp_path / "data")])
    printed = capsys.readouterr()
    assert code == 1
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"{broken}, after record 1 (byte ")
    assert ingested(tmp_path / "data") == ["https://a.example/1", "https://a.example/w"]


@pytest.mark.parametrize(
    ("lines", "code"), [((), 1), (({"text": "lost"},), 1), (({"text": "lost"}, page(1)), 0)]
)
def test_files_with_faults_and_nothing_to_publish_are_a_failure(
    tmp_path: Path, lines: tuple[dict[str, object], ...], code: int
) -> None:
    path = jsonl(tmp_path / "a.jsonl", *lines)
    assert run(["ingest", str(path), "--data-dir", str(tmp_path / "data")]) == code


def test_a_document_larger_than_the_topic_takes_is_left_out_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = jsonl(tmp_path / "a.jsonl", page(1, text="x" * 20_000_000), page(2))
    assert run(["ingest", str(path), "--json", "--data-dir", str(tmp_path / "data")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["skipped"] == {"too-large": 1}
    assert "10,485,760 bytes" in report["problems"][0]["sentence"]
    assert ingested(tmp_path / "data") == ["https://a.example/2"]


def test_a_limit_and_the_names_of_fields_are_heeded(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.txt", *({"link": f"https://a.example/{n}", "body": "b"} for n in range(5)))
    options = ["--format", "jsonl", "--url-field", "link", "--text-field", "body", "--limit", "3"]
    assert run(["ingest", str(path), *options, "--data-dir", str(tmp_path / "data")]) == 0
    assert ingested(tmp_path / "data") == [f"https://a.example/{n}" for n in range(3)]


def test_a_base_url_stands_for_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.html").write_text("<p>x</p>")
    monkeypatch.chdir(tmp_path)
    assert run(["ingest", "docs/a.html", "--base-url", "https://a.example/", "--data-dir", "data"]) == 0
    assert ingested(tmp_path / "data") == ["https://a.example/docs/a.html"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name files, or a folder with --follow"),
        (["missing.jsonl"], "there is no file missing.jsonl"),
        (["."], "is a folder"),
        (["--follow", "missing"], "missing, which is no folder"),
        (["here.txt", "--format", "xml"], "there is no format xml; there are jsonl, warc, wet, html, text"),
    ],
)
def test_wrong_use_is_one_sentence_and_nothing_is_published(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").write_text("x")
    assert run(["ingest", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_following_ends_in_good_order_on_sigterm_and_goes_on_later(tmp_path: Path) -> None:
    folder, data = tmp_path / "crawl", tmp_path / "data"
    folder.mkdir()
    jsonl(folder / "a.jsonl", page(1))
    command = [sys.executable, "-c", "from equal_stream.cli.app import main; main()", "ingest"]
    command += ["--follow", str(folder), "--pause", "0.05", "--json", "--data-dir", str(data)]
    for number in (1, 2):
        jsonl(folder / f"b{number}.jsonl", page(10 + number))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (data / "log.sqlite3").exists() or f"https://a.example/{10 + number}" not in ingested(data):
            assert time.monotonic() < deadline, "nothing was published"
            assert process.poll() is None
            time.sleep(0.1)
        process.terminate()
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert json.loads(out)["published"] == (2 if number == 1 else 1)
    assert ingested(data) == [f"https://a.example/{n}" for n in (1, 11, 12)]


def test_what_is_published_is_what_was_in_the_file(tmp_path: Path) -> None:
    entry = page(1, title="Gezeiten", fetched_at="2026-01-02T03:04:05Z", metadata={"depth": "2"})
    path = jsonl(tmp_path / "a.jsonl", entry)
    run(["ingest", str(path), "--data-dir", str(tmp_path / "data")])
    transport = open_log(tmp_path / "data")
    (document,) = published(transport)
    transport.close()
    assert (document.url, document.text, document.title) == (entry["url"], entry["text"], entry["title"])
    assert document.metadata == {"depth": "2"}


def test_all_spellings_of_a_page_lie_under_one_key(tmp_path: Path) -> None:
    spellings = ("https://A.example/p?utm_source=x", "https://a.example:443/p", "https://a.example/p#top")
    file = jsonl(tmp_path / "pages.jsonl", *({"url": url, "text": "text"} for url in spellings))
    data_dir = tmp_path / "data"
    assert run(["ingest", str(file), "--data-dir", str(data_dir)]) == 0
    transport = open_log(data_dir)
    keys = {record.key for record in read_to_end(transport, ["crawl.documents"])}
    transport.close()
    assert keys == {b"https://a.example/p"}


def test_what_has_no_valid_url_is_left_to_the_dead_letters(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "pages.jsonl", {"url": "no url", "text": "text"})
    assert run(["ingest", str(file), "--data-dir", str(tmp_path / "data")]) == 0
