"""`equal-stream align`: fine-tune the encoder on harvested pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.errors import EqualStreamError

if TYPE_CHECKING:
    from equal_stream.alignment.report import Report


class NotBetter(EqualStreamError):
    """The fine-tuned encoder was not shown to do better, and was not saved."""


def align(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    output: Annotated[Path, typer.Option(help="The directory to save the model in; a new one.")],
    documents: Annotated[
        list[Path] | None,
        typer.Option(
            help="JSONL(.gz) of documents with text and qa instead of the service's own pairs; repeatable."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Times each pair is learned from.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=4, help="Pairs a step.")] = None,
    max_pairs: Annotated[
        int, typer.Option(min=1, help="Most pairs to use, held-out ones included; drawn at random.")
    ] = 5_000,
    seed: Annotated[int, typer.Option(min=0, help="Of all draws.")] = 0,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:0 … (embedding.device).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Save the model even if it is not better.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune the encoder on the pairs in force, judge it on held-out documents, save it if it is better.

    Exit code 1, and no model, when the held-out passages do not show that it is better.

    Example: equal-stream align --output models/aligned --data-dir data
    """
    # All of these load torch, which takes seconds.
    import torch  # noqa: PLC0415

    from equal_stream.alignment import material  # noqa: PLC0415
    from equal_stream.alignment.output import require_free  # noqa: PLC0415
    from equal_stream.alignment.parameters import Parameters  # noqa: PLC0415
    from equal_stream.alignment.run import align as run  # noqa: PLC0415
    from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415

    settings = settings_of(ctx, embedding__device=device)
    require_free(output)
    # The service runs one process a core; this is one process for all of them.
    embedding = settings.embedding.model_copy(update={"threads": torch.get_num_threads()})
    encoder = Encoder(embedding)
    if documents:
        examples = material.from_documents(settings, documents, encoder, max_pairs, seed)
    else:
        with log_to_read(settings) as transport:
            examples = material.from_log(settings, transport, encoder, max_pairs, seed)
    wanted = {"epochs": epochs, "batch_size": batch_size}
    parameters = Parameters(seed=seed, **{name: value for name, value in wanted.items() if value is not None})
    report = run(
        encoder,
        embedding,
        examples,
        parameters,
        output,
        force=force,
        progress=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        _print(report, output)
    _require_saved(report, output)


def _print(report: "Report", output: Path) -> None:
    learned, held = report.learned, report.held_out
    print_table(
        ("held-out passages", "before", "after", "difference", "95 % from", "to"),
        [(name, *(round(value, 4) for value in values)) for name, *values in report.rows()],
        title=(
            f"{report.source}: learned from {learned.pairs:,} pairs of {learned.documents:,} documents, "
            f"judged by {held.pairs:,} pairs of {held.documents:,} others"
        ),
    )
    if report.saved:
        remark = "" if report.better else ", although it was not shown to be better"
        typer.echo(f"{output}: {report.after}{remark}")
    typer.echo(f"{sum(report.seconds.values()):.0f} s, of which {report.seconds['train']:.0f} s to learn")


def _require_saved(report: "Report", output: Path) -> None:
    if report.saved:
        return
    figure = report.passage_to_pair["mrr"]
    raise NotBetter(
        f"the fine-tuned encoder was not shown to be better and was not saved: MRR {figure.before:.4f} → "
        f"{figure.after:.4f} on held-out passages, difference {figure.low:+.4f} to {figure.high:+.4f} "
        f"with 95 % confidence; {output} holds the report, and --force saves the model all the same"
    )
