"""`equal-stream backtest --from-log`: what policies would have earned with the money of one's own log."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from equal_stream.cli.log import log_to_read
from equal_stream.cli.output import print_json, print_table
from equal_stream.errors import ConfigurationError
from equal_stream.extraction.base import Pricing
from equal_stream.settings import Settings

if TYPE_CHECKING:
    from equal_stream.offpolicy.estimate import Estimate, Evaluation
    from equal_stream.offpolicy.history import History

POLICIES = ("calibrated", "retrieval", "uniform", "random")


def evaluate_log(
    settings: Settings,
    policies: Sequence[str],
    *,
    draws: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print, and write, what policies would have earned in place of the service's log.

    Raises
    ------
    ConfigurationError
        There is no log, its passages have vectors of another encoder, the prices are not known, or a policy
        is not for sale.
    NothingToLearnFrom
        The log is too short, or has no propensities.
    """
    # These load numpy.
    from equal_stream.allocation.policy.registry import make_policy  # noqa: PLC0415
    from equal_stream.offpolicy.estimate import evaluate  # noqa: PLC0415

    for policy in policies:
        if policy == "oracle":
            raise ConfigurationError("no log shows what the oracle would have bought; leave it out")
        make_policy(policy)
    history = _history(settings)
    result = evaluate(
        history,
        settings,
        _pricing(settings, history),
        policies,
        draws=draws,
        seed=seed,
        progress=lambda line: typer.echo(line, err=True),
    )
    value = msgspec.to_builtins(result)
    if output is not None:
        output.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")
    if as_json:
        print_json(value)
    else:
        _show(result)


def _history(settings: Settings) -> "History":
    from equal_stream.backtest.loading import open_encoder  # noqa: PLC0415 - numpy
    from equal_stream.offpolicy.log import read_history  # noqa: PLC0415

    def progress(done: int, todo: int) -> None:
        typer.echo(f"encoded {done:,} of {todo:,} texts", err=True)

    with log_to_read(settings) as transport, open_encoder(settings, progress) as encoder:
        read = read_history(transport, lambda texts: encoder.encode(texts).vectors)
    if read.left_out:
        typer.echo(
            f"{read.left_out:,} calls are left out, since the log has their passages no more; what they "
            "brought counts as covered from the beginning",
            err=True,
        )
    return read.history


def _pricing(settings: Settings, history: "History") -> Pricing | None:
    """Return the prices, which a log that was paid for in USD cannot do without."""
    llm = settings.llm
    if llm.in_mtok_cost is not None and llm.out_mtok_cost is not None:
        return Pricing(in_mtok_cost=llm.in_mtok_cost, out_mtok_cost=llm.out_mtok_cost)
    if llm.base_url or any(answer.outcome.cost_usd > 0 for answer in history.answers.values()):
        raise ConfigurationError(
            "the LLM's prices are not set, and without them nothing can be bought for the same money: give "
            "EQUAL_STREAM_LLM__IN_MTOK_COST and EQUAL_STREAM_LLM__OUT_MTOK_COST in USD per million tokens"
        )
    return None


def _show(result: "Evaluation") -> None:
    log = result.log
    made = ", ".join(f"{policy} {calls:,}" for policy, calls in sorted(log.policies.items()))
    calls = f"{log.calls:,} calls ({made}), {log.random:,} of them at random"
    spent = _money(log.cost, log.unit)
    rows = [["what the log earned", f"{log.gain:.3f}", "", "100%", spent, f"{log.calls:,}", ""]]
    rows += [_row(each, result) for each in result.policies]
    print_table(
        ["policy", "estimate", "95 % interval", "of the log's", "spent", "calls", "known"],
        rows,
        title=f"gain for the money of this log: {calls}",
    )
    typer.echo("known: share of the calls that the log made too; the others are estimated")
    if not log.random:
        typer.echo(
            "no call was drawn at random, so nothing corrects these estimates (allocation.exploration)"
        )


def _row(each: "Estimate", result: "Evaluation") -> list[str]:
    return [
        each.policy,
        f"{each.gain:.3f}",
        f"{each.low:.3f} to {each.high:.3f}",
        f"{each.gain / result.log.gain:.0%}" if result.log.gain > 0 else "-",
        _money(each.cost, result.log.unit),
        f"{each.calls:,.0f}",
        f"{each.known:.0%}",
    ]


def _money(cost: float, unit: str) -> str:
    return f"{cost:,.4f} USD" if unit == "USD" else f"{cost:,.0f} tokens"
