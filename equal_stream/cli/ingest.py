"""`equal-stream ingest`: crawled files, or a growing folder of them, into `crawl.documents`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_write
from equal_stream.cli.output import AsJson, print_json
from equal_stream.errors import ConfigurationError
from equal_stream.feed.base import FeedOptions
from equal_stream.feed.follow import FolderFollower, follow
from equal_stream.feed.ingest import DocumentIngest
from equal_stream.feed.positions import FeedPositions
from equal_stream.feed.registry import feed_named
from equal_stream.feed.report import IngestReport
from equal_stream.observability.stopping import StopSignal
from equal_stream.settings import Settings


def ingest(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(help="JSONL, WARC, WET, HTML or text; .gz too.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--follow", metavar="DIR", help="Go on with what appears in a folder, until stopped."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="jsonl, warc, wet, html or text; default: what each file is.")
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Publish at most that many documents.")] = None,
    url_field: Annotated[
        str, typer.Option(help="JSONL field with the URL; metadata.url leads inside.")
    ] = "url",
    text_field: Annotated[str, typer.Option(help="JSONL field with the text.")] = "text",
    base_url: Annotated[
        str, typer.Option(help="URL of the current (or followed) directory, for HTML and text files.")
    ] = "",
    pause: Annotated[float, typer.Option(min=0.01, help="Seconds between two looks at the folder.")] = 1.0,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Name every record left out, on stderr.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish the documents in files; whatever is left out is counted with its reason.

    A file that breaks is named on stderr and what came before is kept; exit code 1 at the end.

    Example: equal-stream ingest crawl.warc.gz pages.jsonl.gz --verbose
    """
    settings = settings_of(ctx)
    paths = _checked(files or [], folder)
    options = FeedOptions(url_field, text_field, base_url, folder or Path.cwd())
    report = IngestReport(lambda sentence: typer.echo(sentence, err=True), verbose)
    feed = feed_named(form) if form else None
    stop = StopSignal()
    stop.listen()
    with _positions(settings, folder) as positions, log_to_write(settings) as transport:
        run = DocumentIngest(transport.producer(), report, options, stop, feed=feed, limit=limit)
        for path in paths:
            if run.done:
                break
            run.file(path)
        if folder is not None and positions is not None:
            follow(FolderFollower(folder, run, positions), run, pause)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    if report.failed:
        raise typer.Exit(1)


def _checked(files: list[Path], folder: Path | None) -> list[Path]:
    """Require that everything named is there, before anything is published."""
    if not files and folder is None:
        raise ConfigurationError("nothing to read: name files, or a folder with --follow DIR")
    for path in files:
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder; name its files, or follow it with --follow {path}")
        if not path.exists():
            raise ConfigurationError(f"there is no file {path}; nothing was published")
    if folder is not None and not folder.is_dir():
        raise ConfigurationError(f"--follow names {folder}, which is no folder")
    return files


@contextlib.contextmanager
def _positions(settings: Settings, folder: Path | None) -> Iterator[FeedPositions | None]:
    if folder is None:
        yield None
        return
    with contextlib.closing(FeedPositions(settings.data_dir / "feed", folder)) as positions:
        yield positions


def _print(report: IngestReport) -> None:
    files = f"{report.files:,} file{'' if report.files == 1 else 's'}"
    left_out = report.skipped.total()
    typer.echo(f"{files}: {report.records:,} records, {report.published:,} published, {left_out:,} left out")
    for reason, count in report.skipped.most_common():
        typer.echo(f"  {reason}: {count:,}")
