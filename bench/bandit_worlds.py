"""The shipped posterior in simulated worlds: its share of a clairvoyant's gain per token.

    python -m bench.bandit_worlds --seeds 20 --json bench/results/bandit-worlds.json
    python -m bench.bandit_worlds --seeds 10 --scenario all
    python -m bench.bandit_worlds --seeds 20 --gap

A world (`bandit_world`) has 100 clusters that are born, split, merge, die, drift and become redundant;
documents arrive, answers come late, and 500 ticks of budget buy some 12,500 documents. Everything chosen
was chosen on seeds 1000 to 1019 of the base world; the seeds from 0 up are for testing. `--gap` tells the
default player the truth of one thing at a time: what is then still missing comes from the others.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from bench.bandit_game import Game, Player  # noqa: E402 - after the number of threads is set
from bench.bandit_players import PLAYERS, TOLD, Clairvoyant  # noqa: E402
from bench.bandit_world import SCENARIOS, World  # noqa: E402

Make = Callable[[Game], Player]


def shares(scenario: str, seeds: range, players: dict[str, Make]) -> Iterator[tuple[str, list[float], float]]:
    """Yield each player's name, its shares of the clairvoyant's gain per token by seed, and its seconds."""
    worlds = [World(seed, SCENARIOS[scenario]) for seed in seeds]
    best = [play(world, Clairvoyant) for world in worlds]
    for name, make in players.items():
        began = time.perf_counter()
        found = [play(world, make) / rate for world, rate in zip(worlds, best, strict=True)]
        yield name, found, time.perf_counter() - began


def play(world: World, make: Make) -> float:
    """Return the gain per token of one game."""
    game = Game(world)
    return game.play(make(game)).rate


def summary(found: list[float], seconds: float) -> dict[str, Any]:
    """Return mean, standard error, worst and all shares, and the seconds a game took."""
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    return {
        "mean": round(statistics.mean(found), 4),
        "standard_error": round(deviation / len(found) ** 0.5, 4),
        "worst": round(min(found), 4),
        "seconds_a_game": round(seconds / len(found), 2),
        "shares": [round(share, 4) for share in found],
    }


def main() -> None:
    """Play and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20, help="worlds of each scenario")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--scenario", action="append", choices=["all", *SCENARIOS], help="repeatable; default: base"
    )
    parser.add_argument("--gap", action="store_true", help="tell the default player one truth at a time, too")
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args()
    chosen = options.scenario or ["base"]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    players = PLAYERS | (TOLD if options.gap else {})
    results: dict[str, Any] = {"seeds": [seeds.start, seeds.stop - 1], "scenarios": {}}
    for scenario in SCENARIOS if "all" in chosen else chosen:
        print(f"## {scenario}, seeds {seeds.start} to {seeds.stop - 1}", flush=True)
        found = results["scenarios"][scenario] = {}
        for name, by_seed, seconds in shares(scenario, seeds, players):
            row = found[name] = summary(by_seed, seconds)
            figures = f"{row['mean']:.3f} ± {row['standard_error']:.3f}, worst {row['worst']:.3f}"
            print(f"{name:42} {figures} ({row['seconds_a_game']:.1f} s a game)", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
