"""`equal-stream reembed`: fill a collection for another encoder, beside the service."""

from typing import Annotated

import msgspec
import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.output import AsJson, print_json
from equal_stream.cli.place import collections_of


def reembed(  # noqa: PLR0917 - typer makes options of them, not positions
    ctx: typer.Context,
    into: Annotated[str, typer.Option(help="The collection to fill; made when missing.")],
    model: Annotated[
        str | None, typer.Option(help="The encoder it is for: name or directory (embedding.model).")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The collection to take passages from (default: store.passages)."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:0 … (embedding.device).")] = None,
    as_json: AsJson = False,
) -> None:
    """Encode the passages of a collection with another encoder into a collection of its own.

    The service may run meanwhile; what is interrupted goes on from where it was when it is called again.
    docs/alignment.md has the whole way to another encoder.

    Example: equal-stream reembed --model models/aligned --into passages-2
    """
    settings = settings_of(ctx, embedding__model=model, embedding__device=device)
    # Validates the name as a setting would be.
    settings_of(ctx, store__passages=into)
    with collections_of(settings) as place:
        from equal_stream.embedding.encoder import Encoder  # noqa: PLC0415 - loads torch, which takes seconds
        from equal_stream.reembedding.run import reembed as run  # noqa: PLC0415 - loads Ray

        encoder = Encoder(settings.embedding)
        summary = run(
            place,
            source or settings.store.passages,
            into,
            encoder,
            tell=lambda line: typer.echo(line, err=True),
        )
    if as_json:
        print_json(msgspec.to_builtins(summary))
        return
    rate = summary.copied / summary.seconds if summary.seconds else 0.0
    typer.echo(
        f"{summary.into} holds {summary.passages:,} passages of {summary.model}: {summary.copied:,} encoded "
        f"in {summary.seconds:.0f} s ({rate:.0f}/s), {summary.there_already:,} there already, "
        f"{summary.pruned:,} taken out"
    )
