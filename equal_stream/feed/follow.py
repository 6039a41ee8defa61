"""Following a growing folder: new files as they are complete, growing JSONL files line by line.

What each kind of change means: a JSONL file that is not compressed is read as far as its lines are whole.
Any other file is read once nobody writes to it; when it grows later, an archive has new records behind
the old ones, and a page is a new version of itself. A file that begins differently is another file.
"""

import time
from dataclasses import replace
from pathlib import Path

import msgspec

from equal_stream.feed.base import BrokenFile, Feed
from equal_stream.feed.folder import FolderFile, Settling, files_in
from equal_stream.feed.ingest import CHECKPOINT_ITEMS, DocumentIngest
from equal_stream.feed.jsonl import JsonlFeed, document_of
from equal_stream.feed.lines import Line, read_lines
from equal_stream.feed.positions import FeedPositions, FilePosition, Version, head_of
from equal_stream.feed.registry import feed_by_name, feed_of
from equal_stream.feed.source import Source, open_source

_NEW = Version(-1, -1)


class FolderFollower:
    """Publishes what appears in a folder.

    Parameters
    ----------
    folder
        Files of its subfolders count too.
    ingest
        Publishes the records.
    positions
        How far each file has been read.
    settling
        Tells which files are complete.
    """

    def __init__(
        self, folder: Path, ingest: DocumentIngest, positions: FeedPositions, settling: Settling | None = None
    ) -> None:
        self._folder = folder
        self._ingest = ingest
        self._positions = positions
        self._settling = settling or Settling()
        self._given_up: dict[str, Version] = {}  # could not be opened; tried again when they change

    def scan(self) -> None:
        """Publish everything that is new now; ends early when told to stop."""
        for file in files_in(self._folder):
            if self._ingest.done:
                return
            at = self._positions.get(file.name)
            if (at and at.finished and at.version == file.version) or (
                self._given_up.get(file.name) == file.version
            ):
                continue
            try:
                self._file(file, at)
            except FileNotFoundError:
                continue  # gone since it was listed
            except OSError as error:
                self._give_up(file, f"{file.path} cannot be read: {error.strerror or error}")

    def _file(self, file: FolderFile, at: FilePosition | None) -> None:
        feed = self._ingest.feed or feed_by_name(file.path)
        settled = self._settling.settled(file)
        if not settled and not isinstance(feed, JsonlFeed):
            return
        if at is None or not at.same_file(file.path):
            length, head = head_of(file.path)
            at = FilePosition(_NEW, finished=False, head_bytes=length, head=head)
        try:
            with open_source(file.path) as source:
                if isinstance(feed, JsonlFeed) and not source.gzipped:
                    self._tail(file, at, source)
                elif settled:
                    self._whole(file, at, source, feed or feed_of(source))
        except BrokenFile as error:
            self._give_up(file, str(error))

    def _tail(self, file: FolderFile, at: FilePosition, source: Source) -> None:
        """Publish the lines that are whole by now."""
        if at.offset > file.version.size:  # it was cut and written anew with the same beginning
            at = replace(at, offset=0, lines=0, records=0)
        self._count_file(at)
        source.seek(at.offset)
        at = replace(at, version=file.version, finished=False)
        for line in read_lines(source, at.lines):
            if not _whole_line(line):
                break  # it is read when the file has changed again
            item = document_of(line, file.path, self._ingest.options)
            if item is not None:
                self._ingest.take(file.path, item)
            # The line end that is still to come will be read as the end of this same line.
            at = replace(at, offset=line.end, lines=line.number - (not line.ended), records=at.records + 1)
            if at.records % CHECKPOINT_ITEMS == 0:
                self._save(file, at)
            if self._ingest.done:
                self._save(file, at)
                return
        self._save(file, replace(at, finished=True))

    def _whole(self, file: FolderFile, at: FilePosition, source: Source, feed: Feed) -> None:
        """Publish the records of a complete file that are not published yet."""
        grown = feed.appendable and file.version.size >= at.version.size
        skip = at.records if grown or at.version == file.version else 0
        self._count_file(at)
        at = replace(at, version=file.version, finished=False, records=skip)

        def checkpoint(count: int) -> None:
            nonlocal at
            at = replace(at, records=count)
            self._save(file, at)

        try:
            self._ingest.records(source, feed, skip, checkpoint)
        except BrokenFile as error:
            self._ingest.report.add_broken(str(error))
        if not self._ingest.done:
            self._save(file, replace(at, finished=True))

    def _count_file(self, at: FilePosition) -> None:
        self._ingest.report.files += at.version == _NEW

    def _save(self, file: FolderFile, at: FilePosition) -> None:
        self._ingest.flush()
        self._positions.put(file.name, at)

    def _give_up(self, file: FolderFile, sentence: str) -> None:
        self._ingest.report.add_broken(sentence)
        self._given_up[file.name] = file.version


def follow(follower: FolderFollower, ingest: DocumentIngest, pause: float) -> None:
    """Scan until told to stop, with `pause` seconds between, or as long as a scan takes."""
    while not ingest.done:
        began = time.monotonic()
        follower.scan()
        rest_until = time.monotonic() + max(pause, time.monotonic() - began)
        while not ingest.done and time.monotonic() < rest_until:
            time.sleep(min(0.1, pause))


def _whole_line(line: Line) -> bool:
    """Tell whether a line is all there: it has its end, or is a JSON object, which no part of one ever is."""
    if line.ended:
        return True
    try:
        return line.data is not None and isinstance(msgspec.json.decode(line.data), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
