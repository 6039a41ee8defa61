"""`equal-stream status`: what runs, how far behind it is, and what was spent for what."""

from typing import Annotated, Any

import typer

from equal_stream.cli.invocation import settings_of
from equal_stream.cli.log import log_to_read
from equal_stream.cli.money import print_budget
from equal_stream.cli.output import AsJson, print_json, print_table
from equal_stream.cli.overview import overview


def status(
    ctx: typer.Context,
    clusters: Annotated[int, typer.Option(min=0, help="How many clusters to list.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what runs, its lag, money, pairs, targets, and the clusters that money went to.

    Processes, and how far targets are reached, are seen on this machine only; lag, money and pairs come
    from the log.

    Example: equal-stream status --data-dir data --json
    """
    settings = settings_of(ctx)
    with log_to_read(settings) as transport:
        seen, books = overview(settings, transport)
    if as_json:
        print_json(seen)
        return
    print_table(["role", "process", "state", "behind by"], _roles(seen), "Roles")
    print_table(["topic", "records"], [row for row in seen["records"].items() if _is_news(*row)], "Crawl")
    print_budget(settings.budget, books)
    pairs = seen["pairs"]
    typer.echo(f"Pairs: {pairs['published']:,} published, {pairs['withdrawn']:,} withdrawn")
    if pairs["rejected"]:
        typer.echo(
            "  refused: " + ", ".join(f"{reason} {count:,}" for reason, count in pairs["rejected"].items())
        )
    for target, references in seen["targets"].items():
        published = pairs["by_target"].get(target, 0)
        typer.echo(f"  target {target}: {references:,} references, {published:,} pairs")
        for line in _reached(seen["reached"].get(target)):
            typer.echo(f"    {line}")
    typer.echo(f"Clusters: {seen['clusters']['alive']:,} alive")
    shares = seen["clusters"]["shares"][:clusters]
    if shares:
        print_table(
            ["cluster", "share of spend", "USD", "tokens", "tickets", "pairs"],
            [
                (str(each["cluster_id"]), f"{each['share']:.1%}", *(each[name] for name in _COLUMNS))
                for each in shares
            ],
        )


_COLUMNS = ("usd", "tokens", "tickets", "pairs")


def _reached(target: dict[str, Any] | None) -> list[str]:
    """Return what is to be told about how far a target was reached, one line a subject."""
    if target is None:
        return []
    lines = [f"coverage {target['coverage']:.3f}, {target['touched']:.0%} of the references touched"]
    if target["distance"] is not None:
        against = "too few passages were seen to compare"
        if target["distance_of_crawl"] is not None:
            against = f"passages of the crawl {target['distance_of_crawl']:.3f}"
        lines.append(
            f"distance of the latest {target['audited_pairs']:,} pairs to the references "
            f"{target['distance']:.3f} (spread alike 0; {against})"
        )
    return lines


def _roles(seen: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for role in seen["roles"]:
        lag = sum(role["lag"].values())
        behind = f"{lag:,} records" if lag else "nothing"
        states = [(f"pid {each['pid']}", _state(each)) for each in role["processes"]]
        for process, state in states or [("-", "not on this machine")]:
            rows.append((role["role"], process, state, behind))
    others = seen["other_processes"]
    return rows + [(each["role"], f"pid {each['pid']}", _state(each), "-") for each in others]


def _state(process: dict[str, Any]) -> str:
    if process["ready"]:
        return "ready"
    return f"not ready: {process['reason']}"


def _is_news(topic: str, records: int) -> bool:
    """Return whether a count says something: empty dead-letter topics do not."""
    return records > 0 or not topic.endswith(".dlq")
