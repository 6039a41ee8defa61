"""Allocation measured: what each policy pays for the same coverage, on recorded crawls, under several judges.

    python -m bench.allocation --part clean --part decoys --part stream --part ablation

Every number comes out of `equal_stream.backtest`, which plays the allocator's own core. Cost is the share of
full extraction's tokens at which a judge sees a share of full coverage, warm-up and exploration charged;
one that is never reached counts as 1. Runs are spread over the cores; results are written as they come, so
that an interrupted benchmark goes on where it was.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpora
from bench.allocation_data import target_names, write_data
from equal_stream.allocation.policy.base import Policy
from equal_stream.allocation.policy.calibrated import Calibrated
from equal_stream.allocation.policy.equal import EQUAL
from equal_stream.allocation.policy.ingredients import Ingredients
from equal_stream.allocation.policy.registry import make_policy
from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.loading import load_corpus, load_target, open_encoder
from equal_stream.backtest.measure import Curve, cost_to
from equal_stream.backtest.oracle import Oracle
from equal_stream.backtest.replay import cluster_arrivals, replay
from equal_stream.backtest.scene import Scene, Target, make_scene
from equal_stream.backtest.study import Plan, set_stage, stage_of
from equal_stream.settings import Settings

RESULTS = Path("bench/results/allocation")
EXPLORATION = 0.03
EQUAL_GRID: dict[str, dict[str, Any]] = {
    "equal": {},
    "equal, 1 % warm-up": {"warmup": 0.01},
    "equal, 5 a pull": {"per_pull": 5},
    "equal as released": {"alpha": 0.001, "neighbours": 0.2, "unvisited": 0.12},
}
WITHOUT = ("cost", "calibration", "correlation", "lineage", "forgetting", "floor", "spread", "yields", "head")
STREAM_BUDGETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
SWITCHES = (
    ("gsm8k_test", "nl2bash"),
    ("nl2bash", "liveqa_med"),
    ("liveqa_med", "math-statistics"),
    ("science-chemistry", "cli-git"),
    ("finance-annual-report", "medicine-microbiology"),
    ("medicine-niddk", "gsm8k_test"),
)
ABLATED = ("science-chemistry", "medicine-microbiology", "nl2bash", "finance-annual-report", "medicine-niddk")
SHARES = ("0.5", "0.6", "0.8")


@dataclass(frozen=True)
class Job:
    """One run: a part of the benchmark, a target (or two), a seed and a policy."""

    part: str
    target: str
    seed: int
    policy: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its result."""
        return f"{self.part}--{self.target}--{self.seed}--{self.policy}".replace(" ", "_")


_DATA: dict[str, Any] = {}


def _load(directory: str) -> None:
    """Read the data once in each worker."""
    settings = Settings(data_dir=Path(directory))
    files = sorted(Path(directory).glob("targets/*.jsonl"))
    with open_encoder(settings) as encoder:
        _DATA["corpus"] = load_corpus(encoder, settings, [Path(directory) / "crawl.jsonl"])
        _DATA["targets"] = {path.stem: load_target(encoder, path) for path in files}


def make(job: Job, scene: Scene) -> Policy:
    """Return the policy of a job."""
    if job.policy == "oracle":
        return Oracle(scene)
    if job.policy in EQUAL_GRID:
        return EQUAL(0.0, **EQUAL_GRID[job.policy])
    if job.policy.startswith("calibrated"):
        exploration = job.options.get("exploration", EXPLORATION)
        return Calibrated(exploration, Ingredients(**dict.fromkeys(job.options.get("without", ()), False)))
    return make_policy(job.policy)


def run(job: Job) -> dict[str, Any]:
    """Play one job and return its result."""
    corpus, targets = _DATA["corpus"], _DATA["targets"]
    began = time.perf_counter()
    result = (
        switched(job, corpus, targets) if in_stream(job.part) else static(job, corpus, targets[job.target])
    )
    return {
        "part": job.part,
        "target": job.target,
        "seed": job.seed,
        "policy": job.policy,
        "seconds": round(time.perf_counter() - began, 1),
        **result,
    }


def in_stream(part: str) -> bool:
    """Tell whether documents arrive, and the target changes midway, in a part of the benchmark."""
    return part in {"stream", "ablation-stream"}


def static(job: Job, corpus: Corpus, target: Target) -> dict[str, Any]:
    """Everything is there at the start."""
    fraction = 0.5 if job.part.endswith("decoys") else 0.0
    judges = ("coverage", "words", "language-model") if job.part == "clean" else ("coverage",)
    plan = Plan(policies=(), decoys=fraction, judges=judges, until=0.83)
    key = (fraction, judges, target.name, job.seed)
    if _DATA.get("stage", (None,))[0] != key:  # all policies of a target and seed follow each other
        _DATA["stage"] = (key, set_stage(corpus, target, plan, job.seed))
    stage = _DATA["stage"][1]
    total = int(corpus.cost.sum())
    _, curve = stage.play(make(job, stage.scene), plan)
    if (
        curve.tokens[-1] < job.options.get("least", 0.0) * total
    ):  # some rows ask for more than 80 % of coverage
        _, curve = stage.play(make(job, stage.scene), replace(plan, until=2.0, budget=job.options["least"]))
    return {
        "tokens": total,
        "cost": {
            judge: {share: cost_to(curve, judge, float(share), total) for share in SHARES} for judge in judges
        },
        "at": {share: _at(curve, float(share), total) for share in ("0.05", "0.2")},
        "curve": [
            [round(float(tokens) / total, 6), round(float(share), 4)]
            for tokens, share in zip(curve.tokens, curve.shares["coverage"], strict=True)
        ],
    }


def switched(job: Job, corpus: Corpus, targets: dict[str, Target]) -> dict[str, Any]:
    """Documents arrive in file order; the target changes midway; coverage is averaged over time.

    The cost is the least budget, spread evenly over time, at which the average reaches 80 % of what full
    extraction would have reached at each moment, interpolated between the budgets tried.
    """
    first, second = (targets[name] for name in job.target.split(" then "))
    goals = [Target.split(goal.name, goal.texts, goal.vectors, job.seed) for goal in (first, second)]
    averages = []
    scene = make_scene(corpus, goals[0], "stream", ticks=40, seed=job.seed)
    scene = shuffled_documents(scene, job.seed).with_goals(goals)
    arrivals = cluster_arrivals(scene)
    early = stage_of(replace(scene, goals=goals[:1]), arrivals, ("coverage",))
    late = stage_of(scene, arrivals, ("coverage",))
    half = int(np.flatnonzero(scene.targets == 1)[0])
    for budget in STREAM_BUDGETS:
        played = replay(scene, make(job, scene), arrivals, budget=budget)
        averages.append((early.time_average(played, 0, half) + late.time_average(played, half)) / 2)
        if averages[-1] >= 0.8:
            break
    return {"averages": averages, "cost": {"over time": {"0.8": _least_budget(averages)}}}


def shuffled_documents(scene: Scene, seed: int) -> Scene:
    """Let documents arrive in random order: the sources of a crawl are mixed."""
    corpus = scene.corpus
    order = np.random.default_rng([seed, 21]).permutation(corpus.documents)
    tick_of = (np.argsort(order) * len(scene.ticks) // corpus.documents)[corpus.document_of]
    return replace(scene, ticks=[np.flatnonzero(tick_of == tick) for tick in range(len(scene.ticks))])


def _least_budget(averages: list[float]) -> float | None:
    for place, average in enumerate(averages):
        if average >= 0.8:
            if place == 0:
                return STREAM_BUDGETS[0]
            low, high = averages[place - 1], average
            part = (0.8 - low) / (high - low)
            ends = np.log([STREAM_BUDGETS[place - 1], STREAM_BUDGETS[place]])
            return float(np.exp(ends[0] + part * (ends[1] - ends[0])))
    return None


def _at(curve: Curve, share: float, total: int) -> float | None:
    """Return the coverage reached for a share of all tokens, None if the run ended before."""
    if curve.tokens[-1] < 0.98 * share * total:
        return None
    return float(np.interp(share * total, curve.tokens, curve.shares["coverage"]))


def jobs(parts: list[str], targets: list[str], seeds: int) -> Iterator[Job]:
    """Yield what is to be run, seed by seed: what is done first is a smaller benchmark of its own."""
    for seed in range(seeds):
        for part in parts:
            if part == "stream":
                for first, second in SWITCHES:
                    for policy in ("oracle", "retrieval", "calibrated"):
                        yield Job(part, f"{first} then {second}", seed, policy)
            elif part.startswith("ablation"):
                yield from ablations(part, seed)
            else:
                for target in targets:
                    yield from comparisons(part, target, seed)


def comparisons(part: str, target: str, seed: int) -> Iterator[Job]:
    """Yield the policies on one target; those of the paper's setting go on to the shares it asks for."""
    for policy in ("oracle", "retrieval"):
        yield Job(part, target, seed, policy)
    yield Job(part, target, seed, "calibrated", {"least": 0.05} if part == "clean" else {})
    if part == "clean":
        yield Job(part, target, seed, "random")
        for policy in EQUAL_GRID:
            yield Job(part, target, seed, policy, {"least": 0.2})


def ablations(part: str, seed: int) -> Iterator[Job]:
    """Yield the default policy, whole and without each of its parts."""
    switches = [f"{first} then {second}" for first, second in SWITCHES]
    for target in switches if in_stream(part) else ABLATED:
        yield Job(part, target, seed, "calibrated")
        for name in WITHOUT:
            yield Job(part, target, seed, f"calibrated without {name}", {"without": (name,)})
        yield Job(part, target, seed, "calibrated without exploration", {"exploration": 0.0})


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("clean", "decoys", "stream", "ablation", "ablation-decoys", "ablation-stream")
    parser.add_argument("--part", action="append", choices=parts, help="repeatable; default: all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--target", action="append", help="repeatable; default: all")
    parser.add_argument("--policy", action="append", help="repeatable; default: all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if not corpora.available():
        raise SystemExit(f"the recorded corpora are not at {corpora.CORPORA}; nothing was measured")
    directory = RESULTS / "data"
    crawl, files = write_data(directory)
    (directory / "targets").mkdir(exist_ok=True)
    for path in files.values():
        path.replace(directory / "targets" / path.name)
    print(f"{crawl}: encoding what is not in the cache yet", flush=True)
    _load(str(directory))
    todo = [
        job
        for job in jobs(arguments.part or list(parts), arguments.target or target_names(), arguments.seeds)
        if not (RESULTS / f"{job.name}.json").exists()
        and (arguments.policy is None or job.policy in arguments.policy)
    ]
    print(f"{len(todo)} runs to do", flush=True)
    with ProcessPoolExecutor(arguments.workers, initializer=_load, initargs=(str(directory),)) as pool:
        running = {pool.submit(run, job): job for job in todo}
        for number, done in enumerate(as_completed(running), 1):
            job, result = running[done], done.result()
            (RESULTS / f"{job.name}.json").write_text(json.dumps(result))
            judge = "over time" if in_stream(job.part) else "coverage"
            cost = result["cost"][judge]["0.8"]
            shown = "never" if cost is None else f"{100 * cost:.2f} %"
            print(f"{number}/{len(todo)} {job.name}: {shown}, {result['seconds']} s", flush=True)


def read_results() -> list[dict[str, Any]]:
    """Return all results that are there."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*--*.json"))]


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values))


if __name__ == "__main__":
    main()
