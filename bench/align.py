"""What `equal-stream align` brings: 2,000 harvested pairs of several sources, judged on unseen documents.

Each run draws 2,000 pairs from documents of several sources and aligns the default encoder on them as the
command does; its report is the first line of figures (MRR of pairs from passages on the documents it held
out, with a 95 % interval). Then both encoders are put to further documents of every source, those of the
run and others, which nothing was learned from: one line a source.

`--mixture chosen` are the sources that the defaults were chosen on, `checked` are others.

Reads the corpora that lie beside the checkout; says so and ends when they are not there.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from bench.corpora import CORPORA, available
from equal_stream.alignment.examples import Example, HarvestedPair, at_most, collect
from equal_stream.alignment.judgement import Judgement, differences, embed, judge
from equal_stream.alignment.material import Material
from equal_stream.alignment.parameters import Parameters
from equal_stream.alignment.recorded import document_pairs
from equal_stream.alignment.report import LeftOut
from equal_stream.alignment.run import align
from equal_stream.embedding.encoder import Encoder
from equal_stream.embedding.passages import PassageCutter
from equal_stream.settings import EmbeddingSettings, Settings
from equal_stream.simulate.recorded_file import decode

MIXTURES = {
    "chosen": ("openstax", "fairytaleqa", "tatqa", "tldr"),
    "checked": ("cuad", "tech_quizzes", "covid_faq", "medquad", "drcd_zh"),
}
SOURCES = tuple(itertools.chain(*MIXTURES.values()))
_SPARE = 1.2  # times as many pairs as are needed are cut, since some are copies


class Corpora:
    """Documents of each source in two halves: to harvest from, and to judge by."""

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        cut = settings.passages
        self._cutter = PassageCutter(
            encoder.tokens, cut.target_tokens, min(cut.max_tokens, encoder.max_tokens)
        )
        self._most_per_passage = settings.extraction.max_pairs
        self._lines: dict[str, list[bytes]] = {}

    def harvested(self, source: str, pairs: int, seed: int) -> list[Example]:
        """Return examples with so many pairs of documents of the first half, drawn by the seed."""
        return self._examples(source, 0, pairs, seed)

    def fresh(self, source: str, pairs: int) -> list[Example]:
        """Return examples with so many pairs of documents of the second half."""
        return self._examples(source, 1, pairs, 0)

    def _examples(self, source: str, half: int, pairs: int, seed: int) -> list[Example]:
        lines = self._half(source, half)
        random.Random(seed).shuffle(lines)
        harvested: list[HarvestedPair] = []
        for line in lines:
            document = decode(line)
            harvested += document_pairs(document.text, document, self._cutter, self._most_per_passage)
            if len(harvested) >= _SPARE * pairs:
                break
        return at_most(collect(harvested).examples, pairs, seed)

    def _half(self, source: str, half: int) -> list[bytes]:
        if source not in self._lines:
            with gzip.open(CORPORA / f"{source}.jsonl.gz") as file:
                self._lines[source] = sorted(set(file))
            random.Random(0).shuffle(self._lines[source])
        return self._lines[source][half::2]


def main() -> None:
    arguments = parse()
    if not available():
        sys.exit(f"no corpora at {CORPORA}")
    settings = Settings(embedding=EmbeddingSettings(threads=torch.get_num_threads()))
    service = Encoder(settings.embedding)
    corpora = Corpora(service, settings)
    fresh = {source: corpora.fresh(source, arguments.fresh) for source in SOURCES}
    before = {source: judge(embed(service, examples)) for source, examples in fresh.items()}
    runs = []
    for mixture, seed in itertools.product(arguments.mixture, arguments.seed):
        begin = time.perf_counter()
        sources = MIXTURES[mixture]
        share = arguments.pairs // len(sources)
        examples = [example for source in sources for example in corpora.harvested(source, share, seed)]
        with tempfile.TemporaryDirectory() as scratch:
            report, tuned = aligned(service, settings, examples, seed, Path(scratch) / "model")
        figures = beside(before, tuned, fresh)
        run = {"mixture": mixture, "seed": seed, "report": report, "fresh": figures}
        runs.append({**run, "wall_seconds": time.perf_counter() - begin})
        say(runs[-1])
    if arguments.output:
        arguments.output.write_text(json.dumps({"encoder": service.identity, "runs": runs}, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mixture", nargs="+", choices=[*MIXTURES], default=[*MIXTURES])
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--pairs", type=int, default=2_000, help="harvested pairs of a run")
    parser.add_argument("--fresh", type=int, default=300, help="further pairs of each source to judge by")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def aligned(
    service: Encoder, settings: Settings, examples: Sequence[Example], seed: int, output: Path
) -> tuple[dict[str, Any], Encoder]:
    """Align as the command does, and return the report with the CPU seconds, and the encoder."""
    begin, cpu = time.perf_counter(), time.process_time()
    material = Material(examples, "the recorded corpora", LeftOut(0, 0, 0, 0))
    report = align(
        service,
        settings.embedding,
        material,
        Parameters(seed=seed),
        output,
        force=True,
        progress=lambda line: print(line, file=sys.stderr),
    )
    seconds = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
    tuned = Encoder(settings.embedding.model_copy(update={"model": str(output)}))
    return {**msgspec.to_builtins(report), "all_seconds": seconds}, tuned


def beside(
    before: Mapping[str, Judgement], tuned: Encoder, fresh: Mapping[str, Sequence[Example]]
) -> dict[str, dict[str, Any]]:
    """Return the MRR of both encoders on the fresh documents of every source, in both directions."""
    found = {}
    for source, examples in fresh.items():
        after = judge(embed(tuned, examples))
        found[source] = {
            way: msgspec.to_builtins(differences(old, new, examples)["mrr"])
            for way, old, new in zip(Judgement._fields, before[source], after, strict=True)
        }
    return found


def say(run: Mapping[str, Any]) -> None:
    report = run["report"]
    amount, seconds = report["learned"]["pairs"] + report["held_out"]["pairs"], report["all_seconds"]
    print(
        f"\n{run['mixture']}, seed {run['seed']}: {amount:,} pairs of {', '.join(MIXTURES[run['mixture']])}"
    )
    print(f"  {seconds['wall']:.0f} s by the clock, {seconds['cpu']:.0f} s of CPU; {report['learning']}")
    for way in Judgement._fields:
        print(
            f"  {'held out':<14}{way:<17}{told(report[way]['mrr'])}", "" if report["better"] else "not better"
        )
    for source, ways in run["fresh"].items():
        learned = "" if source in MIXTURES[run["mixture"]] else "  (nothing of it was learned from)"
        print(f"  {source:<14}{'passage_to_pair':<17}{told(ways['passage_to_pair'])}{learned}", flush=True)


def told(figure: Mapping[str, float]) -> str:
    change = f"{figure['difference']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"
    return f"MRR {figure['before']:.3f} → {figure['after']:.3f}, {change}"


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
