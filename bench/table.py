"""Writes docs/benchmarks.md from the results of the other benchmarks: `python -m bench.table`.

A row names the figure, what was asked for, what was measured, and the command that measures it. A result
that is not there is said to be missing; nothing is filled in by hand.
"""

import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RESULTS = Path("bench/results")
TARGET = Path("docs/benchmarks.md")
Row = tuple[str, str, str]
Result = dict[str, Any]

HEADER = """# Benchmarks

Every figure comes from a command in bench/ that anyone can run; `make bench` runs them all and writes this
page. Speeds are ratios within one run wherever that says more than a figure: absolute figures do not travel.

Machine: {machine}.

| what | asked for | measured |
|---|---|---|
"""


def demo(result: Result) -> Iterator[Row]:
    """Rows of `equal-stream demo --json`."""
    yield "demo: first pair", "< 60 s", f"{result['seconds_to_first_pair']:.0f} s"
    yield "demo: all done", "< 180 s", f"{result['seconds']:.0f} s"
    yield "demo: theme's share of spend ÷ its share of the corpus", "≥ 5", f"{result['concentration']:.1f}"
    spent = f"{result['spent_tokens']:,} of {result['cap_tokens']:,} tokens"
    yield "demo: the cap", "held", f"{'held' if result['cap_held'] else 'EXCEEDED'}, {spent}"


def clustering(result: Result) -> Iterator[Row]:
    """Rows of bench/clustering.py."""
    speed = result["speed"]
    by_batch = speed["documents per second, by batch"]
    best = max(by_batch.values(), key=lambda each: float(each["wall"]))
    ratio = max(speed["ratio to river-kmeans, by batch"].values())
    mean = result["quality"]["mean"]["evolving"]
    yield "estimator, d=384, k=256, documents/s with lineage", "≥ 100,000", f"{best['wall']:,.0f}"
    yield "estimator ÷ river KMeans, by CPU time", "≥ 1,000", f"{ratio:,.0f}"
    yield "drifting mixture, NMI (mean of seeds)", "≥ .95", f"{mean['nmi']:.3f}"
    yield "drifting mixture, topics found", "≥ 90 %", f"{mean['found']:.1%}"
    against = result["quality"]["beside river-kmeans"]
    ours, rivers = against["evolving"]["nmi"], against["river-kmeans"]["nmi"]
    yield "first 1,500 documents, NMI of ours and of river KMeans", "", f"{ours:.3f} and {rivers:.3f}"


def clusterer_process(result: Result) -> Iterator[Row]:
    """Rows of bench/clusterer_process.py."""
    steady, cold = result["steady"]["passages per second"], result["cold"]["passages per second"]
    asked = "≥ 20,000" if result["transport"] == "embedded" else ""
    name = f"clusterer process, {result['transport']}, passages/s"
    yield f"{name}, steady", asked, f"{steady['wall']:,.0f} by the clock, {steady['cpu']:,.0f} by CPU time"
    yield (
        f"{name}, while clusters form",
        "",
        f"{cold['wall']:,.0f} by the clock, {cold['cpu']:,.0f} by CPU time",
    )


def embedder(result: Result) -> Iterator[Row]:
    """Rows of bench/embedder.py."""
    speed, again = result["speed"], result["recrawl"]
    name = f"embedder, {result['transport']}"
    yield f"{name}: pipeline ÷ bare encode", "≥ 0.95", f"{speed['pipeline_to_bare']:.2f}"
    yield f"{name}: pipeline ÷ default encode", "≥ 2.4 with bf16", f"{speed['pipeline_to_default']:.2f}"
    if again:
        brought = f"{again['encodes']} encodes, {again['new_passages']} new passages"
        yield f"re-crawl of {again['documents']:,} unchanged documents", "0 and 0", brought


def stream(result: Result) -> Iterator[Row]:
    """Rows of bench/stream.py."""
    figures = result["figures"]
    name = f"stream, {figures['transport']}, {figures['crawl_records']:,} crawl records"
    ends = ", ".join(f"{count:,} {kind}" for kind, count in figures["documents_by_end"].items())
    yield f"{name}: every record accounted for", "all", ends
    yield f"{name}: promises broken", "0", str(len(result["problems"]))
    yield f"{name}: pairs", "", f"{figures['pairs']:,} from {figures['tickets']:,} tickets"
    exact = figures["ledger_tokens"] - figures["charged_beyond_bill"]
    money = (
        f"billed {figures['billed_tokens']:,}; ledger {figures['ledger_tokens']:,}, of which "
        f"{figures['charged_beyond_bill']:,} beyond the bill for {figures['calls_without_usage']} calls "
        f"whose usage never came; most held {figures['most_tokens_held']:,} of {figures['cap_tokens']:,}"
    )
    asked = "equal where usage came, never less, ≤ cap"
    yield f"{name}: tokens", asked, money if exact == figures["billed_tokens"] else f"DIFFERENT: {money}"


def archives(result: Result) -> Iterator[Row]:
    """Rows of `equal-stream ingest --json` over real archives."""
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in result["skipped"].items())
    read, published = result["records"], result["published"]
    yield (
        "ingest of 16 real WARC, WET and WAT files",
        "a document or a reason each",
        (f"{read:,} records: {published:,} published; {left_out}"),
    )


LIMITS = """## What falls short, and why

The clusterer process reads and writes one record a passage. Over Kafka the client library is the limit: in
one Python process, reading takes some 22 µs of CPU a record and writing some 35 µs, whatever the batch sizes,
linger, fetch sizes, checksums or compression; handing it the partition and computing the key's hash outside
of it brought a fifth. 20,000 passages/s over Kafka would take a reader and a writer in processes of their
own. One clusterer still keeps up with some 200 embedder processes on CPUs.

Rates by the clock depend on what else the machine does, CPU time much less: where both are given, the machine
was not idle.
"""

SECTIONS: tuple[tuple[str, str, Callable[[Result], Iterator[Row]]], ...] = (
    ("demo", "equal-stream demo --json", demo),
    ("clustering", "python bench/clustering.py", clustering),
    ("clusterer-embedded", "python -m bench.clusterer_process --transport embedded", clusterer_process),
    ("clusterer-kafka", "python -m bench.clusterer_process --transport kafka", clusterer_process),
    ("embedder", "python bench/embedder.py --transport kafka", embedder),
    ("stream-kafka", "python -m bench.stream --transport kafka", stream),
    ("stream-embedded", "python -m bench.stream --transport embedded", stream),
    ("archives", "equal-stream ingest ARCHIVES --json", archives),
)


def machine() -> str:
    """Return the processor, cores and memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    flags = next((line for line in lines if line.startswith("flags")), "")
    bf16 = "with" if "avx512_bf16" in flags or "amx_bf16" in flags else "without"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{name or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, {bf16} bf16 instructions"


def main() -> None:
    """Write the page."""
    lines = [HEADER.format(machine=machine())]
    commands = []
    for name, command, rows in SECTIONS:
        path = RESULTS / f"{name}.json"
        if not path.exists():
            lines.append(f"| `{command}` | | not run |\n")
            continue
        lines += [
            f"| {what} | {asked} | {measured} |\n"
            for what, asked, measured in rows(json.loads(path.read_text()))
        ]
        commands.append(f"`{command}`")
    lines.append(f"\nCommands, in the order of the rows: {', '.join(commands)}.\n")
    lines.append(f"\n{LIMITS}")
    TARGET.write_text("".join(lines))


if __name__ == "__main__":
    main()
