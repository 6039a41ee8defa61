"""How well the pairs to expect of a passage are predicted: what the promising fifth of passages brings.

    python -m bench.yields

For each target the 1,500 passages nearest to its references are taken, some of them answered at random, and
the others ranked by `PassageYields`: printed is the mean number of pairs in the fifth ranked highest ÷ the
mean of all; the same without the site, without the place, and without both. The data are those of
`bench.allocation`.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from bench import corpora
from bench.allocation import RESULTS
from bench.allocation_data import write_data
from equal_stream.allocation.passage_forms import FARTHEST, PassageForms, site_of
from equal_stream.allocation.passage_yields import PassageYields
from equal_stream.backtest.corpus import Corpus
from equal_stream.backtest.loading import load_corpus, load_target, open_encoder
from equal_stream.settings import Settings

TARGETS = (
    "science-chemistry",
    "social-psychology",
    "math-statistics",
    "history-us-history",
    "medicine-niddk",
    "nl2bash",
    "finance-annual-report",
)
ANSWERS = (60, 200, 500)
POOL = 1500
NEAREST = 5  # references that say how near a passage is to a target
SEEDS = 4
WITHOUT = {"everything": (), "without the site": ("site",), "without the place": ("place",)}
WITHOUT["without both"] = ("site", "place")


def forms_of(corpus: Corpus, without: tuple[str, ...]) -> PassageForms:
    """Return the forms of all passages, some of them not told."""
    sites = np.array([site_of(url) for url in corpus.urls], np.uint32)[corpus.document_of]
    places = np.minimum(np.stack(corpus.neighbours(), axis=1), FARTHEST).astype(np.uint8)
    sites *= "site" not in without
    places *= "place" not in without
    return PassageForms(corpus.tokens.astype(np.int32), sites[:, 0], sites[:, 1], places[:, 0], places[:, 1])


def rows_of(forms: PassageForms, rows: np.ndarray) -> PassageForms:
    """Return the forms of some passages."""
    return PassageForms(*(column[rows] for column in forms))


def enrichment(corpus: Corpus, forms: PassageForms, pool: np.ndarray, answers: int, seed: int) -> float:
    """Return mean pairs of the fifth ranked highest ÷ mean pairs, of what was not answered."""
    brought = np.minimum(np.diff(corpus.pair_start), 6)
    order = np.random.default_rng(seed).permutation(pool)
    model = PassageYields(corpus.dimension)
    for row in order[:answers]:
        rows = np.array([row])
        model.learn(corpus.vectors[rows], rows_of(forms, rows), int(brought[row]))
    model.refit()
    rest = order[answers:]
    factors = model.factors(corpus.vectors[rest], rows_of(forms, rest))
    best = rest[np.argsort(-factors, kind="stable")[: len(rest) // 5]]
    return float(brought[best].mean() / brought[rest].mean())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the results here")
    options = parser.parse_args()
    if not corpora.available():
        raise SystemExit(f"the recorded corpora are not at {corpora.CORPORA}; nothing was measured")
    directory = RESULTS / "data"
    crawl, files = write_data(directory)
    settings = Settings(data_dir=directory)
    with open_encoder(settings) as encoder:
        corpus = load_corpus(encoder, settings, [crawl])
        targets = {name: load_target(encoder, files[name]) for name in TARGETS}
    results: dict[str, dict[str, float]] = {}
    for what, without in WITHOUT.items():
        forms = forms_of(corpus, without)
        found = results[what] = {}
        for name, target in targets.items():
            near = np.sort(corpus.vectors @ target.vectors.T, axis=1)[:, -NEAREST:].mean(axis=1)
            pool = np.argsort(-near, kind="stable")[:POOL]
            for answers in ANSWERS:
                each = [enrichment(corpus, forms, pool, answers, seed) for seed in range(SEEDS)]
                found[f"{name}, {answers} answers"] = float(np.mean(each))
        mean = math.exp(np.mean(np.log(list(found.values()))))
        print(f"{what:20} {mean:.3f}", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
