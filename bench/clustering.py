"""Clusterer: documents/s against river's KMeans, and quality on streams whose topics come and go.

    OMP_NUM_THREADS=1 python bench/clustering.py --output bench/results/clustering.json
    OMP_NUM_THREADS=1 python bench/clustering.py --embeddings real.npz   # X (n, d), label (n,), source (n,)

Quality is normalised mutual information (NMI) and adjusted Rand index (ARI) between the topics and the
ids as they were first returned, from the very first document on. A topic counts as found if, over the
later half of its life, one cluster holds most of its documents and most of that cluster are its.
scikit-learn's MiniBatchKMeans.partial_fit runs on the same batches; it is told the number of topics.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for BLAS: the service runs one process a core

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from equal_stream.clustering.base import StreamClusterer
from equal_stream.clustering.evolving import EvolvingSphericalKMeans
from equal_stream.clustering.registry import make_clusterer

DIMENSION = 384
BATCH = 256


def drifting_mixture(
    seed: int, documents: int = 40_000, topics: int = 48, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors, float32 (n, d), and labels, (n,), of topics that drift, are born, die and split.

    Shares follow a power law; the smallest topics have about 0.3 % of the documents. A quarter of the
    topics appear during the stream, a sixth vanish, and an eighth split in two that move apart. All
    share a common direction, as the vectors of real encoders do.
    """
    rng = np.random.default_rng(seed)
    domains = unit(rng.standard_normal((8, DIMENSION)))
    common = unit(rng.standard_normal(DIMENSION))
    centres = [
        unit(0.5 * common + 0.6 * domains[rng.integers(8)] + 0.8 * unit(rng.standard_normal(DIMENSION)))
        for _ in range(topics)
    ]
    mass = list((1 + np.arange(topics)) ** -0.7)
    rng.shuffle(mass)
    appears = {int(topic): rng.uniform(0.1, 0.7) for topic in rng.permutation(topics)[: topics // 4]}
    steady = np.setdiff1d(np.arange(topics), list(appears))
    vanishes = {int(topic): rng.uniform(0.4, 0.9) for topic in rng.permutation(steady)[: topics // 6]}
    lasting = np.setdiff1d(steady, list(vanishes))
    splits = {int(topic): rng.uniform(0.2, 0.6) for topic in rng.permutation(lasting)[: topics // 8]}
    drift = unit(rng.standard_normal((2 * topics, DIMENSION)))
    vectors, label = [], []
    blocks = documents // 200
    for block in range(blocks):
        now = block / blocks
        for topic in [topic for topic, when in splits.items() if when <= now]:
            del splits[topic]
            centres.append(centres[topic].copy())
            mass[topic] /= 2
            mass.append(mass[topic])
            drift[len(centres) - 1] = (
                unit(drift[len(centres) - 1]) * 12
            )  # moves away, then drifts like the rest
        active = np.array(
            [m * (appears.get(t, 0) <= now < vanishes.get(t, 2)) for t, m in enumerate(mass)],
            dtype=np.float64,
        )
        chosen = rng.choice(len(mass), size=200, p=active / active.sum())
        spread = noise * rng.standard_normal((200, DIMENSION)) / np.sqrt(DIMENSION)
        vectors.append(unit(np.array(centres)[chosen] + spread).astype(np.float32))
        label.append(chosen)
        centres = [unit(centre + 0.6 / blocks * drift[t]) for t, centre in enumerate(centres)]
        drift[topics:] *= 0.97
    return np.concatenate(vectors), np.concatenate(label)


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale the last axis to length 1."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def batches(vectors: np.ndarray, size: int = BATCH) -> Iterator[np.ndarray]:
    """Cut a stream into batches."""
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size]


def evolving_ids(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, EvolvingSphericalKMeans]:
    """Return the ids as they were first returned, the ids that the end would give, and the model."""
    model = EvolvingSphericalKMeans(seed=seed)
    ids = np.concatenate([model.assign_many(batch)[0] for batch in batches(vectors)])
    return ids, model.predict_many(vectors), model


def minibatch_ids(vectors: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the same two for scikit-learn's MiniBatchKMeans, learning each batch before answering it."""
    model = MiniBatchKMeans(clusters, random_state=seed, n_init=1)
    ids = [model.partial_fit(batch).predict(batch) for batch in batches(vectors, max(BATCH, clusters))]
    return np.concatenate(ids), model.predict(vectors)


def found(label: np.ndarray, ids: np.ndarray) -> float:
    """Return the share of topics that one cluster stands for over the later half of their life."""
    hits, topics = 0, np.unique(label)
    for topic in topics:
        places = np.flatnonzero(label == topic)
        later = slice(places[len(places) // 2], places[-1] + 1)
        own = ids[later][label[later] == topic]
        values, counts = np.unique(own, return_counts=True)
        held = counts.max()
        size = np.sum(ids[later] == values[counts.argmax()])
        hits += held > len(own) / 2 and held > size / 2
    return float(hits / len(topics))


def scores(label: np.ndarray, ids: np.ndarray) -> dict[str, float]:
    """Return NMI, ARI and the share of topics found."""
    return {
        "nmi": float(normalized_mutual_info_score(label, ids)),
        "ari": float(adjusted_rand_score(label, ids)),
        "found": found(label, ids),
    }


def quality(seeds: int) -> dict[str, object]:
    """Score both clusterers on a fresh mixture for each seed."""
    runs = []
    for seed in range(seeds):
        vectors, label = drifting_mixture(seed)
        topics = len(np.unique(label))
        ids, _, model = evolving_ids(vectors, seed)
        baseline, _ = minibatch_ids(vectors, topics, seed)
        runs.append(
            {
                "seed": seed,
                "topics": topics,
                "clusters": model.n_clusters,
                "evolving": scores(label, ids),
                "minibatch": scores(label, baseline),
            }
        )
    mean = {
        name: {key: float(np.mean([run[name][key] for run in runs])) for key in ("nmi", "ari", "found")}
        for name in ("evolving", "minibatch")
    }
    return {"documents": 40_000, "mean": mean, "beside river-kmeans": against_river(), "runs": runs}


def against_river(documents: int = 1500) -> dict[str, object]:
    """Score river's KMeans, told the number of topics, on the first documents: it takes too long on all."""
    vectors, label = drifting_mixture(0)
    vectors, label = vectors[:documents], label[:documents]
    river = make_clusterer("river-kmeans", max_clusters=len(np.unique(label)), seed=0)
    baseline = np.concatenate([river.assign_many(batch)[0] for batch in batches(vectors)])
    ids, _, _ = evolving_ids(vectors, 0)
    return {"documents": documents, "evolving": scores(label, ids), "river-kmeans": scores(label, baseline)}


def speed(repeats: int = 3) -> dict[str, object]:
    """Time `assign_many` at 256 live clusters, lineage drained, beside river's KMeans and the bare product.

    Rates are documents a CPU second of this process, the best of `repeats`; `wall` is the same by the
    clock. The bare product is `vectors @ centroids.T`, the least that any k-means must compute.
    """
    rng = np.random.default_rng(0)
    centres = unit(rng.standard_normal((256, DIMENSION)))
    label = rng.integers(256, size=120_000)
    noise = rng.standard_normal((len(label), DIMENSION), dtype=np.float32) / np.float32(np.sqrt(DIMENSION))
    vectors = unit(centres[label] + noise).astype(np.float32)
    first, rest = vectors[:60_000], vectors[60_000:]
    model = make_clusterer("evolving", max_clusters=256, seed=0)
    young = rate(lambda: learn(model, first, 1024), len(first))
    rates = {}
    for size in (256, 1024, 4096):
        runs = [rate(lambda size=size: learn(model, rest, size), len(rest)) for _ in range(repeats)]
        rates[str(size)] = {key: max(run[key] for run in runs) for key in ("cpu", "wall")}
    _, centroids = model.centroids()
    product = max(rate(lambda: multiply(rest, centroids), len(rest))["cpu"] for _ in range(repeats))
    baseline = make_clusterer("river-kmeans", max_clusters=256, seed=0)
    baseline.assign_many(vectors[:1])
    river = rate(lambda: baseline.assign_many(vectors[1:41]), 40)["cpu"]
    return {
        "clusters": len(model.sizes()),
        "first 60,000 documents": young,
        "documents per second, by batch": rates,
        "bare product": product,
        "river-kmeans": river,
        "ratio to river-kmeans, by batch": {size: each["cpu"] / river for size, each in rates.items()},
        "state bytes": len(model.to_state()),
    }


def rate(run: Callable[[], object], documents: int) -> dict[str, float]:
    """Return documents a second of CPU and of wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return {"cpu": documents / (time.process_time() - cpu), "wall": documents / (time.perf_counter() - wall)}


def learn(model: StreamClusterer, vectors: np.ndarray, size: int) -> None:
    """Drive a clusterer as the stream process does."""
    for batch in batches(vectors, size):
        model.assign_many(batch)
        model.drain_events()


def multiply(vectors: np.ndarray, centroids: np.ndarray) -> None:
    """Compute the cosines alone."""
    for batch in batches(vectors, 1024):
        batch @ centroids.T


def real(path: Path, seed: int = 0) -> dict[str, object]:
    """Score both on real embeddings, shuffled and (where the file says the source) source by source."""
    data = np.load(path)
    vectors, label = unit(data["X"].astype(np.float32)), np.unique(data["label"], return_inverse=True)[1]
    shuffled = np.random.default_rng(seed).permutation(len(vectors))
    orders = {"shuffled": shuffled}
    if "source" in data:
        orders["source by source"] = shuffled[np.argsort(data["source"][shuffled], kind="stable")]
    result: dict[str, object] = {"documents": len(vectors), "labels": len(np.unique(label))}
    for name, order in orders.items():
        first, final, model = evolving_ids(vectors[order], seed)
        result[name] = {
            "background similarity": model.background_similarity,
            "evolving": {"clusters": model.n_clusters, **agreement(label[order], first, final)},
            "minibatch": {
                "clusters": 100,
                **agreement(label[order], *minibatch_ids(vectors[order], 100, seed)),
            },
        }
    return result


def agreement(label: np.ndarray, first: np.ndarray, final: np.ndarray) -> dict[str, float]:
    """Return NMI of the ids first returned, of those the end gives, and the largest share at the end."""
    return {
        "prequential nmi": float(normalized_mutual_info_score(label, first)),
        "final nmi": float(normalized_mutual_info_score(label, final)),
        "largest share": float(np.unique(final, return_counts=True)[1].max() / len(final)),
    }


def table(report: dict[str, object], depth: int = 0) -> Iterator[str]:
    """Yield the report as indented lines."""
    for key, value in report.items():
        name = "  " * depth + str(key)
        if isinstance(value, dict):
            yield name
            yield from table(value, depth + 1)
        elif isinstance(value, list):
            for item in value:
                yield from table({f"{key} {item.get('seed', '')}".strip(): item}, depth)
        else:
            yield f"{name:<44}{value:>16,.3f}" if isinstance(value, float) else f"{name:<44}{value:>16}"


def main() -> None:
    """Measure what was asked for, print a table and write the figures down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    parser.add_argument(
        "--embeddings", type=Path, help="npz with X (n, d), label (n,) and perhaps source (n,)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="drifting mixtures to average over")
    options = parser.parse_args()
    report: dict[str, object] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 BLAS thread"}
    report["speed"] = speed()
    report["quality"] = quality(options.seeds)
    if options.embeddings:
        report["real embeddings"] = real(options.embeddings)
    print("\n".join(table(report)))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
