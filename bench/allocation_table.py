"""Writes docs/allocation.md and its picture from the results of bench/allocation.py.

    python -m bench.allocation_table

A ratio is the geometric mean over targets and seeds of the ratios of two policies' costs in the same run;
its interval is a bootstrap over targets. What is missing is said to be missing.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.allocation import EQUAL_GRID, WITHOUT, read_results

PAGE = Path("docs/allocation.md")
PICTURE = Path("docs/allocation.png")
Cost = dict[tuple[str, int], float]
Results = list[dict[str, Any]]

ABLATIONS = (("ablation", "coverage"), ("ablation-decoys", "coverage"), ("ablation-stream", "over time"))

HEADER = """# Allocation, measured

`make bench-allocation` runs what stands here and writes this page. Data: up to 300 documents of each
recorded source, none longer than 12,000 characters; {targets} targets (question sets that are nobody's
documents, and topics of the corpora whose references are pairs of documents held out of the crawl); {seeds}
seeds, each with other halves of the references, clusters and draws. Cost is the share of full extraction's
tokens at which 80 % of full coverage of the *unseen* half is reached, warm-up and exploration charged; a run
that never gets there counts as 100 %. Ratios are geometric means over targets and seeds, each within the
same run; in brackets a 95 % bootstrap interval over targets.

| what | asked for | measured |
|---|---|---|
"""


def costs(results: Results, part: str, policy: str, judge: str = "coverage", share: str = "0.8") -> Cost:
    """Return the cost of a policy by target and seed."""
    return {
        (each["target"], each["seed"]): each["cost"][judge][share] or 1.0
        for each in results
        if each["part"] == part and each["policy"] == policy and judge in each["cost"]
    }


def tuned_equal(results: Results) -> tuple[str, Cost]:
    """Return the variant of EQUAL that costs least over all targets and seeds, and its costs."""
    found = {policy: costs(results, "clean", policy) for policy in EQUAL_GRID}
    ours = costs(results, "clean", "calibrated").keys()
    complete = {policy: cost for policy, cost in found.items() if ours and ours <= cost.keys()}
    if not complete:
        return "none ran everywhere", {}
    name = min(complete, key=lambda policy: sum(math.log(complete[policy][key]) for key in ours))
    return name, complete[name]


def best_equal(results: Results) -> Cost:
    """Return for each target and seed the lowest cost of all variants of EQUAL."""
    best: Cost = {}
    for policy in EQUAL_GRID:
        for key, cost in costs(results, "clean", policy).items():
            best[key] = min(cost, best.get(key, 1.0))
    return best


def ratio(ours: Cost, theirs: Cost) -> str:
    """Return the geometric mean of cost ratios with its interval, in words."""
    keys = sorted(ours.keys() & theirs.keys())
    if not keys:
        return "not run"
    by_target: dict[str, list[float]] = {}
    for key in keys:
        by_target.setdefault(key[0], []).append(math.log(ours[key] / theirs[key]))
    means = np.array([np.mean(logs) for logs in by_target.values()])
    draws = np.random.default_rng(0).choice(means, (4000, len(means))).mean(axis=1)
    low, high = np.exp(np.quantile(draws, [0.025, 0.975]))
    return f"{_figure(math.exp(means.mean()))} [{_figure(low)}, {_figure(high)}]"


def worst(ours: Cost, theirs: Cost) -> str:
    """Return the target on which the ratio is highest."""
    by_target: dict[str, list[float]] = {}
    for key in ours.keys() & theirs.keys():
        by_target.setdefault(key[0], []).append(math.log(ours[key] / theirs[key]))
    if not by_target:
        return ""
    name, logs = max(by_target.items(), key=lambda item: float(np.mean(item[1])))
    return f"; highest on {name}: {_figure(math.exp(np.mean(logs)))}"


def _figure(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"1/{1 / value:.0f}"


def rows(results: Results) -> Iterable[tuple[str, str, str]]:
    """Yield the rows of the first table."""
    ours, decoyed = costs(results, "clean", "calibrated"), costs(results, "decoys", "calibrated")
    retrieval = costs(results, "clean", "retrieval")
    yield "calibrated ÷ random, arrival all", "≤ 1/20", ratio(ours, costs(results, "clean", "random"))
    name, equal = tuned_equal(results)
    yield f"calibrated ÷ equal, its best variant ({name})", "≤ 1/4", ratio(ours, equal)
    hindsight = best_equal(results)
    yield (
        "calibrated ÷ equal, the best of its four variants for each run, in hindsight",
        "",
        ratio(ours, hindsight),
    )
    oracle = costs(results, "clean", "oracle")
    yield "the same, of the clairvoyant", "", ratio(oracle, hindsight)
    against = ratio(ours, retrieval) + worst(ours, retrieval)
    yield "calibrated ÷ retrieval, clean", "≤ 0.8, no target > 1.10", against
    yield "calibrated ÷ retrieval, decoys", "≤ 0.5", ratio(decoyed, costs(results, "decoys", "retrieval"))
    stream = [costs(results, "stream", policy, "over time") for policy in ("calibrated", "retrieval")]
    yield "calibrated ÷ retrieval, target switched midway, streaming, time-averaged", "≤ 0.8", ratio(*stream)
    clairvoyant = costs(results, "stream", "oracle", "over time")
    yield "the same, of the clairvoyant", "", ratio(clairvoyant, stream[1])
    yield "calibrated ÷ oracle, clean", "≤ 1.4", ratio(ours, oracle)
    yield "calibrated ÷ oracle, decoys", "≤ 1.6", ratio(decoyed, costs(results, "decoys", "oracle"))
    for judge in ("words", "language-model"):
        yield f"orderings by {judge} at 60 %", "hold on ≥ 80 % of targets", orderings(results, judge)
    by_words = [costs(results, "clean", policy, "words", "0.6") for policy in ("calibrated", "random")]
    yield "calibrated ÷ random by words at 60 %", "≤ 1/8", ratio(*by_words)
    asked = "EQUAL's setting: coverage at 5 % ÷ that of equal at 20 %"
    yield f"{asked}, with the paper's parameters", "≥ 1", paper_setting(results, ("equal",))
    yield f"{asked}, the best of its four variants for each run", "", paper_setting(results, EQUAL_GRID)


def orderings(results: Results, judge: str) -> str:
    """Return on how many targets calibrated costs no more than each other policy, by another judge."""
    ours = _by_target(costs(results, "clean", "calibrated", judge, "0.6"))
    parts = []
    for policy in ("random", "equal", "retrieval"):
        theirs = _by_target(costs(results, "clean", policy, judge, "0.6"))
        both = ours.keys() & theirs.keys()
        parts.append(f"{sum(ours[t] <= theirs[t] for t in both)} of {len(both)} below {policy}")
    return ", ".join(parts)


def paper_setting(results: Results, variants: Collection[str]) -> str:
    """Return the mean ratio of coverage at 5 % of the tokens to that at 20 % of variants of EQUAL."""
    ours = {
        (r["target"], r["seed"]): r["at"]["0.05"]
        for r in results
        if r["part"] == "clean" and r["policy"] == "calibrated" and r["at"]["0.05"]
    }
    theirs: Cost = {}
    for each in results:
        if each["part"] == "clean" and each["policy"] in variants and each["at"]["0.2"]:
            key = (each["target"], each["seed"])
            theirs[key] = max(each["at"]["0.2"], theirs.get(key, 0.0))
    keys = ours.keys() & theirs.keys()
    if not keys:
        return "not run"
    ratios = [ours[key] / theirs[key] for key in keys]
    held = sum(each >= 1 for each in ratios)
    return f"{np.mean(ratios):.2f} on average, ≥ 1 in {held} of {len(keys)} runs"


def _by_target(values: Cost) -> dict[str, float]:
    targets = {target for target, _ in values}
    return {
        target: math.exp(np.mean([math.log(v) for (t, _), v in values.items() if t == target]))
        for target in targets
    }


def by_target(results: Results) -> Iterable[str]:
    """Yield the table of costs by target."""
    policies = ("oracle", "calibrated", "retrieval", "equal", "random")
    columns = [_by_target(costs(results, "clean", policy)) for policy in policies]
    columns += [_by_target(costs(results, "decoys", policy)) for policy in policies[:3]]
    names = [*policies, *(f"decoys: {policy}" for policy in policies[:3])]
    yield f"| target | {' | '.join(names)} |\n|---{'|---' * len(names)}|\n"
    for target in sorted(columns[1]):
        cells = [f"{100 * column[target]:.2f} %" if target in column else "" for column in columns]
        yield f"| {target} | {' | '.join(cells)} |\n"


def ablation(results: Results) -> Iterable[str]:
    """Yield the table of what each ingredient is worth."""
    yield "| without | clean | decoys | switched stream |\n|---|---|---|---|\n"
    for name in (*WITHOUT, "exploration"):
        cells = [
            ratio(
                costs(results, part, f"calibrated without {name}", judge),
                costs(results, part, "calibrated", judge),
            )
            for part, judge in ABLATIONS
        ]
        yield f"| {name} | {' | '.join(cells)} |\n"


def draw(results: Results, path: Path) -> None:
    """Draw coverage against tokens for every target: lines are means over seeds, bands their range."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    targets = sorted({each["target"] for each in results if each["part"] == "clean"})
    columns = 4
    height = math.ceil(len(targets) / columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(height, columns, sharex=True, sharey=True, squeeze=False)
    grid = np.geomspace(1e-3, 1.0, 120)
    for target, axes in zip(targets, itertools.chain.from_iterable(panels), strict=False):
        for policy in ("oracle", "calibrated", "retrieval", "equal", "random"):
            lines = _lines(results, target, policy, grid)
            if len(lines) == 0:
                continue
            lines, shown = lines[:, ~np.isnan(lines).any(axis=0)], 100 * grid[~np.isnan(lines).any(axis=0)]
            (line,) = axes.plot(shown, 100 * lines.mean(axis=0), label=policy, linewidth=1.2)
            low, high = lines.min(axis=0), lines.max(axis=0)
            axes.fill_between(shown, 100 * low, 100 * high, color=line.get_color(), alpha=0.15, linewidth=0)
        axes.set_xscale("log")
        axes.set_title(target, fontsize=9)
        axes.grid(visible=True, alpha=0.2)
    panels[0][0].legend(fontsize=7)
    figure.supxlabel("tokens, % of extracting everything")
    figure.supylabel("coverage, % of extracting everything")
    figure.savefig(path, dpi=90)


def _lines(results: Results, target: str, policy: str, grid: Sequence[float] | np.ndarray) -> np.ndarray:
    lines = []
    for each in results:
        if each["part"] == "clean" and each["target"] == target and each["policy"] == policy:
            spent, share = np.array(each["curve"]).T
            lines.append(np.where(grid <= spent[-1], np.interp(grid, spent, share), np.nan))
    return np.array(lines)


def main() -> None:
    """Write the page and the picture."""
    results = read_results()
    clean = [each for each in results if each["part"] == "clean"]
    targets, seeds = {each["target"] for each in clean}, {each["seed"] for each in clean}
    lines = [HEADER.format(targets=len(targets), seeds=len(seeds))]
    lines += [f"| {what} | {asked} | {measured} |\n" for what, asked, measured in rows(results)]
    lines += ["\n## By target\n\n", *by_target(results)]
    lines += [
        "\n![Coverage against tokens, for every target](allocation.png)\n",
        "\n## What each ingredient is worth\n\n",
        "Cost without it ÷ cost with all; above 1 it earns something.\n\n",
        *ablation(results),
    ]
    PAGE.write_text("".join(lines) + NOTES.read_text() if NOTES.exists() else "".join(lines))
    draw(results, PICTURE)


NOTES = Path("bench/allocation_notes.md")  # what no program can say: limits, and what was tried

if __name__ == "__main__":
    main()
