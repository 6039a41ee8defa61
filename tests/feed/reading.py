"""Reading a whole file in a test."""

from pathlib import Path

from equal_stream.feed.base import BrokenFile, FeedItem, FeedOptions, FeedProblem
from equal_stream.feed.registry import feed_of
from equal_stream.feed.source import open_source
from equal_stream.messages import CrawledDocument


def read(path: Path, options: FeedOptions | None = None) -> tuple[list[FeedItem], str]:
    """Return the items of a file, and the sentence it broke with, if it did."""
    items: list[FeedItem] = []
    try:
        with open_source(path) as source:
            for item in feed_of(source).read(source, options or FeedOptions()):
                items.append(item)  # noqa: PERF402 - one by one: what came before a break stays
    except BrokenFile as error:
        return items, str(error)
    return items, ""


def documents(items: list[FeedItem]) -> list[CrawledDocument]:
    return [item for item in items if isinstance(item, CrawledDocument)]


def problems(items: list[FeedItem]) -> list[FeedProblem]:
    return [item for item in items if isinstance(item, FeedProblem)]


def reasons(items: list[FeedItem]) -> list[str]:
    return [problem.reason for problem in problems(items)]
