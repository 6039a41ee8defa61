"""What a collection's vectors must look like, checked before anything is written."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equal_stream.store.base import CollectionSpec, Point


def check_points(spec: CollectionSpec, points: Sequence[Point]) -> None:
    """Raise ValueError unless each point has a vector of the collection's dimension (None: no vector)."""
    for point in points:
        if spec.dimension is None:
            if point.vector is not None:
                raise ValueError(f"Point {point.id} has a vector, but {spec.name} holds payloads only.")
        elif point.vector is None or point.vector.shape != (spec.dimension,):
            shape = None if point.vector is None else point.vector.shape
            raise ValueError(
                f"Point {point.id} needs a vector of {spec.dimension} numbers for {spec.name}, not {shape}."
            )


def check_queries(spec: CollectionSpec, vectors: NDArray[np.float32]) -> None:
    """Raise ValueError unless `vectors` is an (n, d) array of the collection's dimension d."""
    if spec.dimension is None:
        raise ValueError(f"{spec.name} holds payloads only: there are no neighbours to find.")
    if vectors.ndim != 2 or (len(vectors) and vectors.shape[1] != spec.dimension):
        raise ValueError(f"{spec.name} is searched with (n, {spec.dimension}) arrays, not {vectors.shape}.")


def last_of_each(points: Sequence[Point]) -> list[Point]:
    """Return the points with the last one of each id."""
    return list({point.id: point for point in points}.values())


def first_of_each(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """Return the first point of each id, and the ids of those left out."""
    seen: dict[str, Point] = {}
    repeated: list[str] = []
    for point in points:
        if point.id in seen:
            repeated.append(point.id)
        else:
            seen[point.id] = point
    return list(seen.values()), repeated
