"""`equal-stream store`: which collections of passages there are, and an end to those that have served."""

from typing import Annotated, Any

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.cli.place import collections_of

app = typer.Typer(no_args_is_help=True, help="List and drop collections of passages.")


@app.command("list")
def list_collections(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the collections of passages: whose vectors they hold, and how many.

    Example: equal-stream store list
    """
    settings = settings_of(ctx)
    rows: list[dict[str, Any]] = []
    with collections_of(settings) as place:
        from equal_stream.store.collections import passages  # noqa: PLC0415 - `--help` needs none of it

        for name in place.names():
            held = place.identity(name)
            if held is None or held.dimension is None:
                continue
            store = place.open(passages(held.model, held.dimension, name))
            count = store.count()
            store.close()
            rows.append(
                {
                    "collection": name,
                    "model": held.model,
                    "dimension": held.dimension,
                    "passages": count,
                    "in_service": name == settings.store.passages,
                }
            )
    if as_json:
        print_json(rows)
        return
    headings = ("collection", "model", "dimension", "passages", "store.passages")
    print_table(headings, [tuple(row.values()) for row in rows])


@app.command()
def drop(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The collection, which is not the one in store.passages.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even if it has passages that store.passages lacks.")
    ] = False,
) -> None:
    """Delete a collection of passages that is not in service any more.

    Example: equal-stream store drop passages --set store.passages=passages-2
    """
    settings = settings_of(ctx)
    with collections_of(settings) as place:
        from equal_stream.reembedding.run import drop as run  # noqa: PLC0415 - loads Ray

        count = run(place, name, settings.store.passages, force=force)
    typer.echo(f"{name} is dropped, with {count:,} passages")
