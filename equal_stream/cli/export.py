"""`equal-stream export`: the pairs in force as a file that training libraries read."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from equal_stream.allocator.reading import read_to_end
from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import AsJson, print_json
from equal_stream.errors import ConfigurationError, EqualStreamError
from equal_stream.export.base import ExportFormat, ExportOptions
from equal_stream.export.fold import PairFold
from equal_stream.export.registry import format_named
from equal_stream.export.write import write_export
from equal_stream.messages import QAPair
from equal_stream.topics import PAIRS


def export(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    form: Annotated[
        str, typer.Option("--format", help="messages, prompt-completion, alpaca, sharegpt or parquet.")
    ],
    output: Annotated[Path, typer.Option(help="The file to write; .gz gzips the JSONL formats.")],
    target: Annotated[list[str] | None, typer.Option(help="Only pairs for this target; repeatable.")] = None,
    min_gain: Annotated[float | None, typer.Option(help="Only pairs with at least this gain.")] = None,
    system: Annotated[str, typer.Option(help="A system message for every pair.")] = "",
    with_evidence: Annotated[
        bool, typer.Option("--with-evidence", help="Put the evidence with the question, to answer from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the pairs in force to a file: the last version of each, without those withdrawn.

    Example: equal-stream export --format messages --output train.jsonl --target statistics
    """
    chosen = format_named(form)
    options = ExportOptions(system, with_evidence)
    _require_writable(chosen, output, options)
    with log_to_read(settings_of(ctx)) as transport, PairFold() as fold:
        fold.add(read_to_end(transport, [PAIRS.name]))
        if fold.invalid:
            typer.echo(f"{fold.invalid:,} values of {PAIRS.name} are no pairs and were left out", err=True)
        wanted = _known(target or [], fold.targets())
        counted = _Counted(fold.pairs(wanted, min_gain))
        _require_any(fold, wanted, min_gain)
        write_export(chosen, counted, output, options)
    if as_json:
        print_json({"file": str(output), "format": chosen.name, "pairs": counted.count})
    else:
        typer.echo(f"{output}: {counted.count:,} pairs as {chosen.name}")


class _Counted(Iterator[QAPair]):
    """Counts what passes."""

    def __init__(self, pairs: Iterator[QAPair]) -> None:
        self._pairs = pairs
        self.count = 0

    def __next__(self) -> QAPair:
        pair = next(self._pairs)
        self.count += 1
        return pair


def _require_writable(form: ExportFormat, output: Path, options: ExportOptions) -> None:
    if not form.takes_options and options != ExportOptions():
        raise ConfigurationError(
            f"{form.name} has every field of a pair and takes neither --system nor --with-evidence"
        )
    if not form.takes_options and output.suffix == ".gz":
        raise ConfigurationError(f"{form.name} is compressed within; name a file that does not end in .gz")
    if output.is_dir():
        raise ConfigurationError(f"--output names {output}, which is a folder; name a file in it")
    if not output.absolute().parent.is_dir():
        raise ConfigurationError(f"--output names {output}, but there is no folder {output.parent}")


def _known(wanted: list[str], targets: dict[str, int]) -> list[str]:
    for name in wanted:
        if name not in targets and targets:
            near = difflib.get_close_matches(name, targets, n=1)
            known = f"did you mean {near[0]}?" if near else f"there are pairs for {', '.join(targets)}"
            raise ConfigurationError(f"there are no pairs for a target {name}; {known}")
    return wanted


def _require_any(fold: PairFold, wanted: list[str], min_gain: float | None) -> None:
    if not fold.targets():
        raise EqualStreamError("there are no pairs to export yet; equal-stream status shows what runs")
    if next(fold.pairs(wanted, min_gain), None) is None:
        raise EqualStreamError(f"no pair has a gain of {min_gain} or more; lower --min-gain")
