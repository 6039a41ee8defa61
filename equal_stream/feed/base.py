"""What a feed is: it turns the records of one file format into documents, or into reasons."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from equal_stream.errors import EqualStreamError
from equal_stream.messages import CrawledDocument

if TYPE_CHECKING:
    from equal_stream.feed.source import Source


@dataclass(frozen=True, slots=True)
class FeedProblem:
    """A record of a file that becomes no document.

    Parameters
    ----------
    where
        Where in the file it lies, such as ``line 12``.
    reason
        Short machine-readable word that counters use, such as ``missing-url``.
    sentence
        What is wrong with it, or why it is passed over.
    fault
        Whether the file is wrong here; otherwise the record is passed over as it should be.
    """

    where: str
    reason: str
    sentence: str
    fault: bool = False


FeedItem = CrawledDocument | FeedProblem


class BrokenFile(EqualStreamError):
    """A file cannot be read any further; what came before stands."""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What the operator says about the files.

    Parameters
    ----------
    url_field, text_field
        Names of the JSONL fields that hold URL and text; a dot leads into an object.
    base_url
        The URL of the directory `root`, for files that carry no URL of their own; empty: ``file:`` URLs.
    root
        The directory that `base_url` stands for.
    """

    url_field: str = "url"
    text_field: str = "text"
    base_url: str = ""
    root: Path = field(default_factory=Path.cwd)


class Feed(Protocol):
    """Reads one format.

    Attributes
    ----------
    name
        What ``--format`` calls it.
    suffixes
        Ends of file names it reads, without ``.gz``.
    beginnings
        What files of this format may begin with, in lower case, where the name does not tell.
    appendable
        Whether a file that grew has new records behind the old ones; otherwise it is a new version.
    """

    name: str
    suffixes: tuple[str, ...]
    beginnings: tuple[bytes, ...]
    appendable: bool

    def read(self, source: "Source", options: FeedOptions) -> Iterator[FeedItem]:
        """Yield a document or a problem for each record, in the file's order; the same ones every time.

        Raises
        ------
        BrokenFile
            The file cannot be read any further; everything before has been yielded.
        """
        ...
