"""`equal-stream reference`: describe targets by question-answer pairs, while everything runs."""

import difflib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from equal_stream.allocator.reading import read_to_end
from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read, log_to_write
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.errors import ConfigurationError, EqualStreamError, InvalidRecord
from equal_stream.messages import ReferencePair
from equal_stream.reference_files import BadLine, read_references, require_target_name
from equal_stream.reference_key import ReferenceKey
from equal_stream.topics import REFERENCES
from equal_stream.transport.base import Producer, Transport
from equal_stream.transport.codec import decode, encode, tombstone

app = typer.Typer(no_args_is_help=True, help="Add, list and remove targets at run time.")
SOURCE = "reference"
Name = Annotated[str, typer.Argument(help="Name of the target.", show_default=False)]


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="JSONL(.gz): question, answer; optional id, topic, weight.")],
    *,
    weight: Annotated[float, typer.Option(min=0.0, help="Weight of lines that name none.")] = 1.0,
    replace: Annotated[bool, typer.Option("--replace", help="Remove what the file no longer has.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a target, or add to it; a reference with the same id, or the same question, is replaced.

    Every bad line is named on stderr and left out; exit code 1 when none is good.

    Example: equal-stream reference add statistics questions.jsonl
    """
    require_target_name(name)
    good: list[ReferencePair] = []
    bad: list[BadLine] = []
    for found in read_references(file, name, weight):
        if isinstance(found, BadLine):
            bad.append(found)
            typer.echo(f"{file} line {found.line} {found.reason}", err=True)
        else:
            good.append(found)
    if not good:
        raise EqualStreamError(f"{file} has no line that could be used as a reference")
    with log_to_write(settings_of(ctx)) as transport:
        gone = set(references(transport, name)) - {pair.ref_id for pair in good} if replace else set()
        producer = transport.producer()
        for pair in good:
            key = ReferenceKey(name, pair.ref_id)
            producer.send(encode(pair, topic=REFERENCES.name, key=str(key), source=SOURCE))
        _remove(producer, name, gone)
    if as_json:
        lines = [{"line": each.line, "reason": each.reason} for each in bad]
        print_json({"target": name, "added": len(good), "removed": len(gone), "bad": lines})
    else:
        removed = f", {len(gone)} removed" if gone else ""
        left_out = f", {len(bad)} lines left out" if bad else ""
        typer.echo(f"target {name}: {len(good)} references added{removed}{left_out}")


@app.command("list")
def list_targets(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="List the references of this target.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the targets, or the references of one.

    Example: equal-stream reference list statistics --json
    """
    with log_to_read(settings_of(ctx)) as transport:
        targets = all_references(transport)
    if name:
        chosen = _known(targets, name).values()
        if as_json:
            print_json([msgspec.to_builtins(pair) for pair in chosen])
        else:
            rows = [(pair.ref_id, pair.topic, pair.weight, pair.question) for pair in chosen]
            print_table(["id", "topic", "weight", "question"], rows)
        return
    summary = [
        {
            "target": target,
            "references": len(pairs),
            "topics": len({pair.topic for pair in pairs.values() if pair.topic}),
            "weight": round(sum(pair.weight for pair in pairs.values()), 6),
        }
        for target, pairs in sorted(targets.items())
    ]
    if as_json:
        print_json(summary)
    elif not summary:
        typer.echo("there are no targets; add one: equal-stream reference add NAME FILE")
    else:
        print_table(list(summary[0]), [list(row.values()) for row in summary])


@app.command()
def remove(ctx: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Remove a target; from then on nothing is spent on it. Pairs that were published stay.

    Example: equal-stream reference remove statistics
    """
    with log_to_read(settings_of(ctx)) as transport:
        ids = set(_known(all_references(transport), name))
        _remove(transport.producer(), name, ids)
    if as_json:
        print_json({"target": name, "removed": len(ids)})
    else:
        typer.echo(f"target {name}: {len(ids)} references removed")


def _remove(producer: Producer, target: str, ids: set[str]) -> None:
    for ref_id in sorted(ids):
        key = ReferenceKey(target, ref_id)
        producer.send(tombstone(topic=REFERENCES.name, key=str(key), source=SOURCE))
    producer.flush()


def all_references(transport: Transport) -> dict[str, dict[str, ReferencePair]]:
    """Return the references that are in force, by target and id."""
    targets: dict[str, dict[str, ReferencePair]] = {}
    for record in read_to_end(transport, [REFERENCES.name]):
        if record.value is None:
            gone = ReferenceKey.read(record.key)
            if gone is not None:
                targets.get(gone.target, {}).pop(gone.ref_id, None)
            continue
        try:
            pair = decode(record, ReferencePair)
        except InvalidRecord:
            continue  # the allocator has put it among the dead letters
        targets.setdefault(pair.target, {})[pair.ref_id] = pair
    return {target: pairs for target, pairs in targets.items() if pairs}


def references(transport: Transport, target: str) -> dict[str, ReferencePair]:
    """Return the references of one target, by id."""
    return all_references(transport).get(target, {})


def _known(targets: dict[str, dict[str, ReferencePair]], name: str) -> dict[str, ReferencePair]:
    if name in targets:
        return targets[name]
    near = difflib.get_close_matches(name, targets, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(targets)) or 'none'}"
    raise ConfigurationError(f"there is no target {name}; {known}")
