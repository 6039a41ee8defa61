"""Which feed reads a file: the one that was named, else by the name's end, else by its first bytes."""

from pathlib import Path

from equal_stream.errors import ConfigurationError
from equal_stream.feed.base import BrokenFile, Feed
from equal_stream.feed.html import HtmlFeed
from equal_stream.feed.jsonl import JsonlFeed
from equal_stream.feed.plain import PlainTextFeed
from equal_stream.feed.source import Source
from equal_stream.feed.warc import WarcFeed

FEEDS: tuple[Feed, ...] = (
    JsonlFeed(),
    WarcFeed("warc", ".warc", ".arc"),
    WarcFeed("wet", ".wet", ".wat"),
    HtmlFeed(),
    PlainTextFeed(),
)
_LEADING = b"\xef\xbb\xbf \t\r\n"
_SNIFFED = 512


def feed_named(name: str) -> Feed:
    """Return the feed of that name; raises `ConfigurationError` when there is none."""
    for feed in FEEDS:
        if feed.name == name:
            return feed
    names = ", ".join(feed.name for feed in FEEDS)
    raise ConfigurationError(f"there is no format {name}; there are {names}")


def feed_by_name(path: Path) -> Feed | None:
    """Return the feed that reads files with such a name, None where the name does not tell."""
    name = path.name.lower().removesuffix(".gz")
    return next((feed for feed in FEEDS if name.endswith(feed.suffixes)), None)


def feed_of(source: Source) -> Feed:
    """Return the feed that reads this file; raises `BrokenFile` when neither name nor content tells."""
    by_name = feed_by_name(source.path)
    if by_name:
        return by_name
    start = source.peek(_SNIFFED).lstrip(_LEADING).lower()
    for feed in FEEDS:
        if feed.beginnings and start.startswith(feed.beginnings):
            return feed
    names = ", ".join(feed.name for feed in FEEDS)
    raise BrokenFile(f"the format of {source.path} is not known; name it with --format: {names}")
