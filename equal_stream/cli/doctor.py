"""`equal-stream doctor`: try each dependency, and say what to do about those that fail."""

from collections.abc import Callable
from typing import Annotated

import msgspec
import typer

from equal_stream.checkup.finding import Finding, examine
from equal_stream.checkup.order import CHECKS
from equal_stream.cli.invocation import invocation_of, settings_of
from equal_stream.cli.output import AsJson, print_json

_MARKS = {"ok": "ok", "warning": "look", "failed": "FAILED"}


def doctor(
    ctx: typer.Context,
    only: Annotated[list[str] | None, typer.Option("--only", help="Just this check; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try Python, data directory, log, store, encoder, Ray, LLM, prices and caps; exit 1 when one fails.

    It spends nothing: of the LLM it only asks which models there are.

    Example: equal-stream doctor --config equal-stream.yaml
    """
    for name in only or ():
        if name not in CHECKS:
            raise typer.BadParameter(
                f"there is no check {name}; there are {', '.join(CHECKS)}", param_hint="--only"
            )
    settings = settings_of(ctx)
    mask = invocation_of(ctx).masking().text
    findings = []
    for name, check in CHECKS.items():
        if not only or name in only:
            finding = _masked(examine(name, check, settings), mask)
            findings.append(finding)
            if not as_json:
                _print(finding)
    failed = [finding for finding in findings if finding.verdict == "failed"]
    if as_json:
        print_json({"ok": not failed, "findings": [msgspec.to_builtins(finding) for finding in findings]})
    raise typer.Exit(1 if failed else 0)


def _masked(finding: Finding, mask: Callable[[str], str]) -> Finding:
    return msgspec.structs.replace(finding, found=mask(finding.found), advice=mask(finding.advice))


def _print(finding: Finding) -> None:
    """Print a finding as soon as it is there: some checks take seconds."""
    typer.echo(f"{_MARKS[finding.verdict]:<8}{finding.check:<17}{finding.found}")
    if finding.advice:
        typer.echo(f"{'':<25}→ {finding.advice}")
