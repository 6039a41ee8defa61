"""Off-policy estimates held against the truth, on simulated logs of small worlds that are wholly known.

    python -m bench.off_policy --logs 100

A log is what the allocator's core buys in a world (`bench.off_policy_world`) under the default policy. From
the log alone, `equal_stream.offpolicy` estimates what each policy would have earned with the same money; then
the policy really plays in the world, with draws of its own. Printed by policy: in how many logs the 95 %
interval holds what it earned, how wide it is, how far off the estimates are, and which share of the calls the
log had made too. `luck` is by how much two plays of one policy in the same world differ, in standard
deviations: no estimate of one play is narrower than four times that.

Results are kept line by line: an interrupted run goes on where it was.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.off_policy_world import PRICING, Shape, World, make_log, settings
from equal_stream.offpolicy.estimate import DRAWS, evaluate
from equal_stream.offpolicy.play import Play

POLICIES = ("calibrated", "retrieval", "random", "uniform")
_TRUTH = 7_000  # seeds of the true plays lie beyond those of logs and estimates


def one_log(seed: int, tickets: int, exploration: float, draws: int) -> dict[str, Any]:
    """Return estimates and true earnings of all policies on one log."""
    began = time.perf_counter()
    world = World(Shape(), seed)
    setup = settings("calibrated", exploration, seed)
    history = make_log(world, setup, tickets)
    evaluation = evaluate(history, setup, PRICING, POLICIES, draws=draws, seed=seed)
    policies = {}
    for found in evaluation.policies:
        plays = [
            Play(history, settings(found.policy, exploration, _TRUTH + run), PRICING, world.result).run().gain
            for run in (2 * seed, 2 * seed + 1)
        ]
        policies[found.policy] = {
            "truth": plays[0],
            "again": plays[1],
            "gain": found.gain,
            "low": found.low,
            "high": found.high,
            "known": found.known,
        }
    return {
        "seed": seed,
        "tickets": tickets,
        "exploration": exploration,
        "draws": draws,
        "log": evaluation.log.gain,
        "random": evaluation.log.random,
        "policies": policies,
        "seconds": time.perf_counter() - began,
    }


def kept(path: Path, tickets: int, exploration: float, draws: int) -> Iterator[dict[str, Any]]:
    """Yield the results of an earlier run with the same parameters."""
    for line in path.read_text().splitlines() if path.exists() else ():
        result: dict[str, Any] = json.loads(line)
        if (result["tickets"], result["exploration"], result["draws"]) == (tickets, exploration, draws):
            yield result


def table(results: list[dict[str, Any]]) -> str:
    """Return what all logs say."""
    drawn, seconds = (np.mean([each[name] for each in results]) for name in ("random", "seconds"))
    columns = ["policy", "intervals that hold the truth", "mean width ÷ truth", "luck ÷ truth", "bias"]
    columns += ["error (rms)", "calls known", "truth ÷ log"]
    lines = [
        f"{len(results)} logs, {drawn:.1f} tickets drawn at random in each, {seconds:.1f} s each",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    log = np.array([each["log"] for each in results])
    for policy in POLICIES:
        rows = [each["policies"][policy] for each in results]
        names = ("truth", "again", "gain", "low", "high", "known")
        truth, again, gain, low, high, known = (np.array([row[name] for row in rows]) for name in names)
        held = int(((low <= truth) & (truth <= high)).sum())
        middle = truth.mean()
        lines.append(
            f"| {policy} | {held} of {len(rows)} | {(high - low).mean() / middle:.2f} "
            f"| {np.sqrt(((truth - again) ** 2).mean() / 2) / middle:.2f} "
            f"| {(gain - truth).mean() / middle:+.1%} | {np.sqrt(((gain - truth) ** 2).mean()) / middle:.2f} "
            f"| {known.mean():.0%} | {middle / log.mean():.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Play what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--logs", type=int, default=100)
    parser.add_argument("--tickets", type=int, default=130)
    parser.add_argument("--exploration", type=float, default=0.03)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--output", type=Path, default=Path("bench/results/off-policy.jsonl"))
    asked = parser.parse_args()
    setup = (asked.tickets, asked.exploration, asked.draws)
    results = {each["seed"]: each for each in kept(asked.output, *setup) if each["seed"] < asked.logs}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(asked.logs):
        if seed not in results:
            results[seed] = one_log(seed, *setup)
            with asked.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(results[seed]) + "\n")
    print(table([results[seed] for seed in sorted(results)]))


if __name__ == "__main__":
    main()
