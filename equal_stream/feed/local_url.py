"""The URL and the date of a file that carries none of its own."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from equal_stream.errors import ConfigurationError
from equal_stream.feed.base import FeedOptions


def url_of(path: Path, options: FeedOptions) -> str:
    """Return ``file:///…``, or with a base URL the file's place under it.

    Raises
    ------
    ConfigurationError
        The file does not lie under the directory that the base URL stands for.
    """
    absolute = path.absolute()
    if not options.base_url:
        return absolute.as_uri()
    try:
        relative = absolute.relative_to(options.root.absolute())
    except ValueError:
        raise ConfigurationError(
            f"{path} does not lie under {options.root}, which --base-url stands for; "
            "run the command in the directory that the base URL names"
        ) from None
    return f"{options.base_url.rstrip('/')}/{quote(relative.as_posix())}"


def changed_at(path: Path) -> datetime:
    """Return when the file was last changed, in UTC."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
