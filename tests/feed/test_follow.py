"""A followed folder: everything that appears is published once, over stops and restarts."""

import gzip
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.feed import follow as follow_module
from equal_stream.feed import ingest as ingest_module
from equal_stream.feed.base import FeedOptions
from equal_stream.feed.folder import Settling
from equal_stream.feed.follow import FolderFollower
from equal_stream.feed.ingest import DocumentIngest
from equal_stream.feed.positions import FeedPositions
from equal_stream.feed.report import IngestReport
from equal_stream.transport.base import Transport
from tests.feed.archives import Entry, write_warc
from tests.feed.logs import StopAfter, open_log, published, urls

Scan = Callable[..., IngestReport]


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[Transport]:
    opened = open_log(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "crawl"
    path.mkdir()
    return path


@pytest.fixture
def scan(transport: Transport, folder: Path, tmp_path: Path) -> Scan:
    """Return a function that looks at the folder once, each time as a process of its own."""

    def scan_once(
        *, stop_after: int = 1_000_000, settle: float = 0.0, limit: int | None = None
    ) -> IngestReport:
        positions = FeedPositions(tmp_path / "data" / "feed", folder)
        report = IngestReport(lambda _: None)
        stop = StopAfter(stop_after)
        run = DocumentIngest(transport.producer(), report, FeedOptions(), stop, limit=limit)
        FolderFollower(folder, run, positions, Settling(settle)).scan()
        positions.close()
        return report

    return scan_once


def line(name: object) -> str:
    return json.dumps({"url": f"https://a.example/{name}", "text": f"text {name}"}) + "\n"


def expected(*names: object) -> list[str]:
    return sorted(f"https://a.example/{name}" for name in names)


def test_new_files_are_published_and_old_ones_are_not_again(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    (folder / "a.jsonl").write_text(line(1) + line(2))
    (folder / "below").mkdir()
    write_warc(folder / "below" / "b.warc.gz", [Entry(uri="https://a.example/w")])
    assert scan().published == 3
    assert scan().published == 0
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(line(3).encode()))
    assert scan().published == 1
    assert urls(transport) == expected(1, 2, 3, "w")


def test_a_growing_file_is_read_as_far_as_its_lines_are_whole(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    path = folder / "a.jsonl"
    half = line(2)[:20]
    path.write_text(line(1) + half)
    assert scan().published == 1
    assert scan().records == 0
    with path.open("a") as file:
        file.write(line(2)[20:] + line(3).rstrip("\n"))
    report = scan()
    assert report.published == 2, "an object that is closed is whole without its line end"
    with path.open("a") as file:
        file.write("\n" + '{"text": "no url"}\n' + line(4))
    report = scan()
    assert (report.published, dict(report.skipped)) == (1, {"missing-url": 1})
    assert report.problems[0]["where"] == "line 4"
    assert urls(transport) == expected(1, 2, 3, 4)


def test_whatever_is_appended_and_whenever_it_stops_nothing_is_lost_or_repeated(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    chance = random.Random(7)
    data = "".join(line(n) for n in range(60)).encode()
    path = folder / "a.jsonl"
    written = 0
    while written < len(data):
        step = chance.randint(1, 400)
        with path.open("ab") as file:
            file.write(data[written : written + step])
        written += step
        scan(stop_after=chance.randint(1, 6))
    for _ in range(60):
        scan(stop_after=5)
    assert urls(transport) == expected(*range(60))


def test_an_archive_that_was_interrupted_goes_on_where_it_stopped(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    write_warc(folder / "a.warc.gz", [Entry(uri=f"https://a.example/{n}") for n in range(9)])
    for _ in range(9):
        scan(stop_after=4)
    assert urls(transport) == expected(*range(9))


def test_an_archive_that_grows_gives_only_its_new_records(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    path = write_warc(folder / "a.warc.gz", [Entry(uri="https://a.example/1")])
    scan()
    more = write_warc(folder / ".more.warc.gz", [Entry(uri="https://a.example/2")])
    path.write_bytes(path.read_bytes() + more.read_bytes())
    scan()
    assert urls(transport) == expected(1, 2)


def test_a_broken_archive_is_told_once_and_read_on_when_it_is_complete(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    path = write_warc(folder / "a.warc.gz", [Entry(uri=f"https://a.example/{n}") for n in range(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert len(scan().broken) == 1
    assert scan().broken == []
    path.write_bytes(whole)
    assert scan().broken == []
    assert urls(transport) == expected(0, 1)


def test_a_page_that_changes_is_published_as_a_new_version(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    path = folder / "a.html"
    path.write_text("<p>one</p>")
    scan()
    path.write_text("<p>one, and more</p>")
    scan()
    assert [d.html for d in published(transport)] == ["<p>one</p>", "<p>one, and more</p>"]


def test_another_file_under_the_same_name_is_read_from_its_beginning(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    (folder / "a.jsonl").write_text(line(1) + line(2))
    scan()
    (folder / "a.jsonl").write_text(line(3) + line(4) + line(5))
    scan()
    assert urls(transport) == expected(1, 2, 3, 4, 5)


def test_files_still_being_written_wait(folder: Path, scan: Scan, transport: Transport) -> None:
    path = write_warc(folder / "a.warc.gz", [Entry(uri="https://a.example/1")])
    (folder / "b.warc.gz.part").write_bytes(b"half")
    (folder / ".hidden.jsonl").write_text(line(2))
    assert scan(settle=3_600.0).records == 0
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert scan(settle=3_600.0).published == 1
    assert urls(transport) == expected(1)


def test_a_limit_stops_within_a_file_and_the_next_run_goes_on(
    folder: Path, scan: Scan, transport: Transport
) -> None:
    (folder / "a.jsonl").write_text("".join(line(n) for n in range(5)))
    assert scan(limit=2).published == 2
    assert scan(limit=2).published == 2
    assert scan().published == 1
    assert urls(transport) == expected(*range(5))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_crash_between_records_and_position_repeats_at_most_one_batch(
    folder: Path, scan: Scan, transport: Transport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(follow_module, "CHECKPOINT_ITEMS", 4)
    monkeypatch.setattr(ingest_module, "CHECKPOINT_ITEMS", 4)
    data = "".join(line(n) for n in range(10)).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    put = FeedPositions.put
    calls = []

    def crash_at_the_second(self: FeedPositions, path: str, at: object) -> None:
        calls.append(path)
        if len(calls) == 2:
            self.close()
            raise KeyboardInterrupt
        put(self, path, at)

    monkeypatch.setattr(FeedPositions, "put", crash_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        scan()
    monkeypatch.setattr(FeedPositions, "put", put)
    scan()
    assert urls(transport) == sorted(expected(*range(10)) + expected(4, 5, 6, 7))


def test_a_file_of_no_known_format_is_told_once_while_it_stays_as_it_is(
    folder: Path, transport: Transport, tmp_path: Path
) -> None:
    (folder / "a.bin").write_bytes(b"\x00")
    report = IngestReport(lambda _: None)
    run = DocumentIngest(transport.producer(), report, FeedOptions(), StopAfter(1_000))
    follower = FolderFollower(folder, run, FeedPositions(tmp_path / "feed", folder), Settling(0.0))
    follower.scan()
    follower.scan()
    assert len(report.broken) == 1
    assert "format" in report.broken[0]


def test_two_processes_cannot_follow_one_folder(folder: Path, tmp_path: Path) -> None:
    positions = FeedPositions(tmp_path / "feed", folder)
    with pytest.raises(ConfigurationError, match="another process may be following"):
        FeedPositions(tmp_path / "feed", folder)
    FeedPositions(tmp_path / "feed", tmp_path).close()
    positions.close()
    FeedPositions(tmp_path / "feed", folder).close()
