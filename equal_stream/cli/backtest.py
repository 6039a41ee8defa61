"""`equal-stream backtest`: what each policy would have bought, on extractions that were recorded."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.backtest.corpus import Corpus
    from equal_stream.backtest.scene import Target

DEFAULT_POLICIES = ["calibrated", "retrieval", "random", "oracle"]
_STREAM_BUDGET = 0.1  # with money for everything, a stream's policies would all buy everything as it comes


def backtest(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    documents: Annotated[
        list[Path], typer.Option(help="JSONL(.gz) of documents with `text` and `qa`; repeatable.")
    ],
    reference: Annotated[Path, typer.Option(help="JSONL(.gz) of the target: question, answer.")],
    reference_topic: Annotated[str, typer.Option(help="Only references of this topic.")] = "",
    policy: Annotated[
        list[str] | None, typer.Option(help="A policy to play; repeatable. oracle: the clairvoyant.")
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
    world: Annotated[
        list[str] | None, typer.Option(help="A further change of the world; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to run.")] = 1,
    max_documents: Annotated[int | None, typer.Option(min=1, help="Take a sample of so many.")] = None,
    until: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="End a run at this share of full coverage.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the results as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw coverage against tokens: .png or .svg.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded extractions under several policies, through the allocator that serves live.

    Coverage is measured on the half of the references that no policy sees, as a share of what extracting
    everything reaches. Encoded texts are kept under the data directory: a second run takes seconds.

    Example: equal-stream backtest --documents crawl.jsonl.gz --reference target.jsonl --output result.json
    """
    settings = settings_of(ctx)
    for path in (output, plot, report):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigurationError(f"{path.parent} is no folder; make it first")
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
    if output is not None:
        output.write_text(json.dumps(result), encoding="utf-8")
    if plot is not None:
        from equal_stream.backtest.plots import plot_curves  # noqa: PLC0415 - matplotlib

        plot_curves(result, plot)
    if report is not None:
        from equal_stream.backtest.report import write_report  # noqa: PLC0415 - matplotlib

        write_report(result, report)
    if as_json:
        print_json(result)
    else:
        _show(result)


def _data(
    settings: Settings, documents: list[Path], reference: Path, topic: str, *, limit: int | None, seed: int
) -> "tuple[Corpus, Target]":
    from equal_stream.backtest.loading import load_corpus, load_target, open_encoder  # noqa: PLC0415 - numpy

    def progress(done: int, todo: int) -> None:
        typer.echo(f"encoded {done:,} of {todo:,} texts", err=True)

    with open_encoder(settings, progress) as encoder:
        target = load_target(encoder, reference, topic)
        return load_corpus(encoder, settings, documents, limit, seed), target


def _show(result: dict[str, Any]) -> None:
    first = next(iter(result["policies"].values()))
    shares = list(first["cost_to"])
    timed = ["average over time"] if "time_average" in first else []
    rows = [
        [
            name,
            *(None if cost is None else f"{100 * cost:.2f} %" for cost in policy["cost_to"].values()),
            *([f"{100 * policy['time_average']:.1f} %"] if timed else []),
            policy["curve"][-1][3],
        ]
        for name, policy in result["policies"].items()
    ]
    print_table(
        ["policy", *(f"tokens to {100 * float(share):g} %" for share in shares), *timed, "pairs"],
        rows,
        title=f"{result['reference']}: {result['documents']:,} documents, {result['total_tokens']:,} tokens",
    )
