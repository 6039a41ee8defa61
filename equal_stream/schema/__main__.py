"""`python -m equal_stream.schema DIR` writes the schemas; `--check` only says whether they are current."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from equal_stream.schema.asyncapi import FILE_NAME, asyncapi
from equal_stream.schema.json_schema import json_schemas


def generated() -> dict[str, str]:
    """Return the text of every generated file, by name."""
    return {**json_schemas(), FILE_NAME: asyncapi()}


def drift(directory: Path) -> list[str]:
    """Return the names of files that differ from what would be generated, are missing, or are too many."""
    expected = generated()
    present = {path.name for path in directory.glob("*") if path.is_file()}
    stale = [
        name
        for name, text in expected.items()
        if name not in present or (directory / name).read_text(encoding="utf-8") != text
    ]
    return sorted([*stale, *(present - expected.keys())])


def write(directory: Path) -> None:
    """Write every file and remove those that belong to no topic any more."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in drift(directory):
        (directory / name).unlink(missing_ok=True)
    for name, text in generated().items():
        (directory / name).write_text(text, encoding="utf-8")


def schema(
    directory: Annotated[Path, typer.Argument(help="Where the schemas are.")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when they are not current.")
    ] = False,
) -> None:
    """Write JSON Schemas and the AsyncAPI document, or check that they are current.

    Example: python -m equal_stream.schema --check schemas
    """
    if not check:
        write(directory)
        return
    stale = drift(directory)
    if stale:
        typer.echo(
            f"{directory} does not match equal_stream/messages.py ({', '.join(stale)}); run: make schemas",
            err=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    typer.run(schema)
