"""`equal-stream dlq`: look at dead letters, and send them back once their cause is gone."""

import base64
from collections import Counter
from datetime import timedelta
from typing import Annotated, Any

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.dead_letter_replay import DeadLetter, Wanted, dead_letters, replay
from equal_stream.topics import CONSUMED

app = typer.Typer(no_args_is_help=True, help="List and replay dead letters.")

Topics = Annotated[list[str] | None, typer.Option("--topic", help="Topic they were read from; repeatable.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Such as invalid-json; repeatable.")]
Stages = Annotated[list[str] | None, typer.Option("--stage", help="Role that gave them up; repeatable.")]
Keys = Annotated[list[str] | None, typer.Option("--key", help="Key, such as the URL; repeatable.")]
Hours = Annotated[float | None, typer.Option("--hours", min=0.0, help="Of the last hours only.")]


@app.command("list")
def list_letters(
    ctx: typer.Context,
    *,
    topic: Topics = None,
    reason: Reasons = None,
    stage: Stages = None,
    key: Keys = None,
    hours: Hours = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest that many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters: when, from where, why; with --json also their bytes, as base64.

    Example: equal-stream dlq list --topic crawl.documents --reason invalid-json
    """
    wanted = _wanted(topic, reason, stage, key, hours)
    with log_to_read(settings_of(ctx)) as transport:
        found = list(dead_letters(transport, wanted))
    newest = sorted(found, key=lambda letter: letter.record.timestamp_ms)[-limit:]
    if as_json:
        print_json([_as_json(letter) for letter in newest])
        return
    if not newest:
        typer.echo("there are no dead letters" + (" of this kind" if wanted != Wanted() else ""))
        return
    rows = [
        (each.at[:19], f"{each.topic}/{each.partition}/{each.offset}", each.reason, each.key, each.message)
        for each in newest
    ]
    print_table(["at", "from", "reason", "key", "message"], rows)
    counts = Counter((letter.topic, letter.reason) for letter in found)
    for (source, cause), count in counts.most_common():
        typer.echo(f"{count:,} of {source}: {cause}")


@app.command("replay")
def replay_letters(
    ctx: typer.Context,
    *,
    topic: Topics = None,
    reason: Reasons = None,
    stage: Stages = None,
    key: Keys = None,
    hours: Hours = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to their topics, byte for byte; equal ones go once. Doing it twice is harmless.

    Example: equal-stream dlq replay --topic crawl.documents --reason too-large --dry-run
    """
    with log_to_read(settings_of(ctx)) as transport:
        letters = list(dead_letters(transport, _wanted(topic, reason, stage, key, hours)))
        distinct = {(each.topic, each.record.key, each.record.value) for each in letters}
        if not dry_run:
            replay(transport, letters)
    by_topic = dict(Counter(source for source, _, _ in distinct))
    if as_json:
        print_json({"replayed": by_topic, "dead_letters": len(letters), "dry_run": dry_run})
        return
    verb = "would send" if dry_run else "sent"
    for source, count in by_topic.items():
        typer.echo(f"{verb} {count:,} records back to {source}")
    if not letters:
        typer.echo("there are no dead letters to replay")


def _wanted(
    topic: list[str] | None,
    reason: list[str] | None,
    stage: list[str] | None,
    key: list[str] | None,
    hours: float | None,
) -> Wanted:
    known = [each.name for each in CONSUMED]
    for name in topic or ():
        if name not in known:
            raise typer.BadParameter(
                f"{name} has no dead letters; there are {', '.join(known)}", param_hint="--topic"
            )
    return Wanted(
        topics=tuple(topic or ()),
        reasons=tuple(reason or ()),
        stages=tuple(stage or ()),
        keys=tuple(key or ()),
        since=None if hours is None else timedelta(hours=hours),
    )


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    value = letter.record.value
    return {
        "at": letter.at,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "stage": letter.stage,
        "reason": letter.reason,
        "field": letter.field,
        "message": letter.message,
        "attempt": letter.attempt,
        "key": letter.key,
        "value_base64": None if value is None else base64.b64encode(value).decode(),
    }
