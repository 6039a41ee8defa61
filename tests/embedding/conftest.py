"""Fixtures of the embedder's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedding.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh log and store with an embedding stage."""
    world = World(tmp_path)
    yield world
    world.close()
