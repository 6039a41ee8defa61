"""`equal-stream topics`: make the topics the service needs, show those that are there, and who may what."""

from typing import Annotated

import msgspec
import typer

from equal_stream.acls import PARTIES, Party, commands
from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.settings_rules import require_transport_ready
from equal_stream.topics import CONSUMED, TOPICS, dead_letter
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport

app = typer.Typer(no_args_is_help=True, help="Create and list the topics; say who may what.")


@app.command()
def create(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be created.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create every topic that is missing, dead letters included; those that exist are left as they are.

    Example: equal-stream topics create --set topics.partitions.crawl.documents=24
    """
    settings = settings_of(ctx)
    require_transport_ready(settings)
    specs = {spec.name: spec for spec in topic_specs(settings)}
    transport = open_transport(settings)
    try:
        present = transport.topics()
        missing = [name for name in specs if name not in present]
        if not dry_run:
            transport.create_topics(specs.values())
    finally:
        transport.close()
    differing = {
        name: {"partitions": count, "configured": specs[name].partitions}
        for name, count in present.items()
        if name in specs and count != specs[name].partitions
    }
    if as_json:
        print_json(
            {"created": missing, "existing": sorted(present), "differing": differing, "dry_run": dry_run}
        )
        return
    for name in missing:
        typer.echo(f"{'would create' if dry_run else 'created'} {name} ({specs[name].partitions} partitions)")
    for name, counts in differing.items():
        typer.echo(
            f"{name} has {counts['partitions']} partitions, configured are {counts['configured']}", err=True
        )
    if not missing:
        typer.echo("every topic exists")


@app.command("list")
def list_topics(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the topics with their partitions and the records they hold.

    Example: equal-stream topics list --json
    """
    settings = settings_of(ctx)
    with log_to_read(settings) as transport:
        present = transport.topics()
        declared = [*(topic.name for topic in TOPICS), *(dead_letter(topic.name) for topic in CONSUMED)]
        names = [name for name in declared if name in present]
        first, last = transport.beginning_positions(names), transport.end_positions(names)
    rows = []
    for name in names:
        records = sum(last[at] - first.get(at, 0) for at in last if at[0] == name)
        rows.append((name, present[name], records))
    if as_json:
        print_json(
            [{"topic": name, "partitions": count, "records": records} for name, count, records in rows]
        )
    else:
        print_table(["topic", "partitions", "records"], rows)


@app.command()
def acls(
    ctx: typer.Context,
    *,
    role: Annotated[
        list[str] | None,
        typer.Option(help=f"Only for {', '.join(each.name for each in PARTIES)}."),
    ] = None,
    principal: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=TYPE:NAME", help="Who a role is; default: User:equal-stream-ROLE."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="A group that the subscriber reads in; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what each role has to be allowed at the broker, as lines that call Kafka's own tool.

    No broker is asked. In admin.properties are the credentials of whoever may change ACLs.

    Example: equal-stream topics acls --role embedder --principal embedder=User:embedder
    """
    settings = settings_of(ctx)
    principals = _principals(principal or [])
    chosen = [_party(name) for name in role or []]
    parties = [each for each in PARTIES if not chosen or each in chosen]
    allowed = {each.name: each.acls(settings.topics.prefix, group or []) for each in parties}
    if as_json:
        print_json(
            [
                {"role": name, "principal": principals[name], **msgspec.to_builtins(acl)}
                for name, found in allowed.items()
                for acl in found
            ]
        )
        return
    for party in parties:
        typer.echo(f"# {party.name}: {party.runs}")
        for line in commands(
            allowed[party.name], principals[party.name], settings.kafka.bootstrap_servers or "localhost:9092"
        ):
            typer.echo(line)


def _principals(assigned: list[str]) -> dict[str, str]:
    principals = {each.name: f"User:equal-stream-{each.name}" for each in PARTIES}
    for text in assigned:
        name, _, principal = text.partition("=")
        if not all(principal.partition(":")):
            raise typer.BadParameter(
                f"{text} is not ROLE=TYPE:NAME, such as embedder=User:embedder", param_hint="--principal"
            )
        principals[_party(name, "--principal").name] = principal
    return principals


def _party(name: str, option: str = "--role") -> Party:
    for each in PARTIES:
        if each.name == name:
            return each
    raise typer.BadParameter(
        f"{name} is no role; there are {', '.join(each.name for each in PARTIES)}", param_hint=option
    )
