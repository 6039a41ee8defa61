"""Birth: documents that fit no cluster turn out to be a topic of their own."""

import numpy as np

from equal_stream.clustering.base import Vectors
from equal_stream.clustering.sample import NO_CLUSTER
from equal_stream.clustering.splits import FEWEST_EXAMINED
from equal_stream.clustering.structure import FIRST_NEWS, Structure
from equal_stream.clustering.table import ClusterTable
from equal_stream.clustering.valley import divide

STRANGER = 0  # the tag of every document in the sample of strangers
TESTS = 32  # groups of strangers examined at one look
MOST_NEWS = 1024  # births are looked for ever less often while none is found, but at least this often


def set_aside(structure: Structure, rows: Vectors) -> None:
    """Keep documents, float32 (n, d), that fit no cluster."""
    structure.strangers.add(rows, np.full(len(rows), STRANGER, dtype=np.int64))
    structure.news += len(rows)


def open_births(structure: Structure, rng: np.random.Generator) -> None:
    """Divide the strangers into groups, and open each that is closer to itself than to any cluster."""
    if structure.news < structure.news_wanted:
        return
    strangers = structure.strangers
    pieces = [strangers.positions(STRANGER)]
    born = False
    for _ in range(TESTS):
        if not pieces:
            break
        positions = pieces.pop()
        if len(positions) < FEWEST_EXAMINED:
            continue
        rows = strangers.rows[positions]
        division = divide(rows, rng)
        if division is not None and division.bimodal:
            right = division.right_of(rows)
            pieces += [positions[right], positions[~right]]
        elif _stands_alone(rows, structure.table) and structure.make_room(float(len(rows))):
            child = structure.open(rows, float(len(rows)), float(len(rows)))
            structure.sample.add(rows, np.full(len(rows), child, dtype=np.int64))
            strangers.tags[positions] = NO_CLUSTER
            born = True
    structure.news = 0
    structure.news_wanted = FIRST_NEWS if born else min(2 * structure.news_wanted, MOST_NEWS)


def _stands_alone(rows: Vectors, table: ClusterTable) -> bool:
    """Return whether documents are closer to the others among them than to the clusters there are."""
    others = rows.sum(axis=0) - rows
    length = np.sqrt(np.einsum("ij,ij->i", others, others))
    own = np.einsum("ij,ij->i", rows, others) / np.maximum(length, np.float32(1e-12))
    nearest = (rows @ table.centroid[: table.k].T).max(axis=1)
    return bool(np.median(own) > np.median(nearest))
