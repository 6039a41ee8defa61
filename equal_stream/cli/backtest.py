"""`equal-stream backtest`: what each policy would have bought, on extractions that were recorded.

With `--from-log`: what each would have earned in place of the service's own log (`off_policy`).
"""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.off_policy import POLICIES as OF_A_LOG
from equal_stream.cli.off_policy import evaluate_log
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.cli.several import SeveralValues
from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.backtest.corpus import Corpus
    from equal_stream.backtest.scene import Target

DEFAULT_POLICIES = ["calibrated", "retrieval", "random", "oracle"]
_STREAM_BUDGET = 0.1  # with money for everything, a stream's policies would all buy everything as it comes
_PICTURES = (".png", ".svg")
_OF_LOGS = {"from_log", "draws", "policy", "seed", "output", "as_json"}  # what --from-log heeds
_OF_LOGS_ALONE = {"draws"}

backtest = typer.Typer()


@backtest.command(cls=SeveralValues)
def play(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    documents: Annotated[
        list[Path] | None, typer.Option(help="JSONL(.gz) of documents with `text` and `qa`; one or several.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="JSONL(.gz) of the target: question, answer.")
    ] = None,
    from_log: Annotated[
        bool,
        typer.Option("--from-log", help="Estimate from the service's own log what each would have earned."),
    ] = False,
    draws: Annotated[int, typer.Option(min=2, help="Plays a policy, with --from-log.")] = 8,
    reference_topic: Annotated[str, typer.Option(help="Only references of this topic.")] = "",
    policy: Annotated[
        list[str] | None, typer.Option(help="Policies to play; oracle: the clairvoyant.")
    ] = None,
    arrival: Annotated[
        Literal["all", "stream"], typer.Option(help="Everything at once, or over time.")
    ] = "all",
    ticks: Annotated[int, typer.Option(min=1, help="Steps in which a stream arrives.")] = 100,
    budget: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of full extraction's tokens. Default: 1; a stream's 0.1."),
    ] = None,
    decoys: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fraction of the look-alike clusters that yield nothing.")
    ] = 0.0,
    world: Annotated[list[str] | None, typer.Option(help="Further changes of the world.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to run.")] = 1,
    max_documents: Annotated[int | None, typer.Option(min=1, help="Take a sample of so many.")] = None,
    until: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="End a run at this share of full coverage.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the results as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw coverage against tokens: .png or .svg.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded extractions under several policies, through the allocator that serves live.

    Coverage is measured on the half of the references that no policy sees, as a share of what extracting
    everything reaches. Encoded texts are kept under the data directory: a second run takes seconds.

    Example: equal-stream backtest --documents crawl.jsonl.gz --reference target.jsonl --output result.json

    With --from-log nothing needs to be recorded beyond what the service keeps anyway; of the other options
    only --policy, --seed, --draws, --output and --json have a meaning there.

    Example: equal-stream backtest --from-log --policy calibrated retrieval --data-dir data
    """
    settings = settings_of(ctx)
    _require_heeded(ctx, from_log)
    if from_log:
        _require_writable([] if output is None else [output], None)
        evaluate_log(settings, policy or OF_A_LOG, draws=draws, seed=seed, output=output, as_json=as_json)
        return
    if not documents or reference is None:
        raise ConfigurationError(
            "name what to replay with --documents and --reference, or the service's own log with --from-log"
        )
    _require_numbers(budget=budget, decoys=decoys, until=until)
    _require_files([*documents, reference])
    written = [path for path in (output, plot, report) if path is not None]
    _require_writable(written, plot)
    _require_apart(written, [*documents, reference])
    from equal_stream.backtest.study import PLAY_ON, Plan, require_known, run_backtest  # noqa: PLC0415 - numpy and river

    plan = Plan(
        policies=policy or DEFAULT_POLICIES,
        arrival=arrival,
        ticks=ticks,
        budget=budget if budget is not None else (1.0 if arrival == "all" else _STREAM_BUDGET),
        decoys=decoys,
        worlds=world or [],
        seeds=range(seed, seed + seeds),
        exploration=settings.allocation.exploration,
        until=until if until is not None else PLAY_ON,
    )
    require_known(plan)
    result = run_backtest(
        *_data(settings, documents, reference, reference_topic, limit=max_documents, seed=seed),
        plan,
        lambda line: typer.echo(line, err=True),
    )
    _write(result, output, plot, report)
    if as_json:
        print_json(result)
    else:
        _show(result)


def _write(result: dict[str, Any], output: Path | None, plot: Path | None, report: Path | None) -> None:
    if output is not None:
        output.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    if plot is not None:
        from equal_stream.backtest.plots import plot_curves  # noqa: PLC0415 - matplotlib

        plot_curves(result, plot)
    if report is not None:
        from equal_stream.backtest.report import write_report  # noqa: PLC0415 - matplotlib

        write_report(result, report)


def _require_heeded(ctx: typer.Context, from_log: bool) -> None:
    """Require that no option was given that a log, or a replay, would not heed."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        given = source is not None and source.name == "COMMANDLINE" and param.expose_value  # else: a setting
        if given and from_log and param.name not in _OF_LOGS:
            raise ConfigurationError(f"{param.opts[0]} has no meaning with --from-log; leave it out")
        if given and not from_log and param.name in _OF_LOGS_ALONE:
            raise ConfigurationError(f"{param.opts[0]} has a meaning with --from-log only; leave it out")


def _data(
    settings: Settings, documents: list[Path], reference: Path, topic: str, *, limit: int | None, seed: int
) -> "tuple[Corpus, Target]":
    from equal_stream.backtest.loading import load_corpus, load_target, open_encoder  # noqa: PLC0415 - numpy

    def progress(done: int, todo: int) -> None:
        typer.echo(f"encoded {done:,} of {todo:,} texts", err=True)

    def warn(sentence: str) -> None:
        typer.echo(sentence, err=True)

    with open_encoder(settings, progress) as encoder:
        target = load_target(encoder, reference, topic, warn=warn)
        return load_corpus(encoder, settings, documents, limit, seed, warn=warn), target


def _require_numbers(**options: float | None) -> None:
    for name, value in options.items():
        if value is not None and not math.isfinite(value):
            raise ConfigurationError(f"--{name} is {value}; it must be a number from 0 to 1")


def _require_files(paths: list[Path]) -> None:
    """Require what is read before seconds go into loading the encoder."""
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"there is no file {path}")
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder; name a file in it")


def _require_writable(paths: list[Path], plot: Path | None) -> None:
    """Require what is written before minutes go into playing."""
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise ConfigurationError(f"{plot} cannot be drawn: let its name end in {' or '.join(_PICTURES)}")
    for path in paths:
        folder = path.absolute().parent
        if not folder.is_dir():
            raise ConfigurationError(f"{path.parent} is no folder; make it first")
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder; name a file to write")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise ConfigurationError(f"{path} cannot be written: permission denied")


def _require_apart(written: list[Path], read: list[Path]) -> None:
    """Require that no file is written over one that is read or written too."""
    before = {path.resolve(): "is read by" for path in read}
    for path in written:
        if path.exists() and not path.is_file():  # a device takes whatever is written to it
            continue
        if path.resolve() in before:
            raise ConfigurationError(
                f"{path} {before[path.resolve()]} this backtest; name another file to write"
            )
        before[path.resolve()] = "is written already by"


def _show(result: dict[str, Any]) -> None:
    from equal_stream.backtest import summary  # noqa: PLC0415 - as above

    first = next(iter(result["policies"].values()))
    judge, shares = next(iter(first["judges"])), list(first["cost_to"])
    timed = ["average over time"] if "time_average" in first else []
    rows = [
        [
            name,
            *(summary.cost(policy, judge, share) for share in shares),
            *(summary.average_over_time(policy) for _ in timed),
            summary.pairs(policy),
        ]
        for name, policy in result["policies"].items()
    ]
    print_table(
        ["policy", *(f"tokens to {100 * float(share):g} %" for share in shares), *timed, "pairs"],
        rows,
        title=f"{result['reference']}: {result['documents']:,} documents, {result['total_tokens']:,} tokens",
    )
