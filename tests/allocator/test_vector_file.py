"""The file of candidate vectors: what was written is read, and what is not the passage's own is noticed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from equal_stream.allocation.candidates import Candidates
from equal_stream.allocator.vector_file import VectorFile, VectorFileUnusable
from equal_stream.messages import now
from tests.allocator.world import PromptWorkers, World, run

DIMENSION = 8


def identity(number: int) -> bytes:
    return number.to_bytes(16, "big")


def written(path: Path, count: int = 50) -> VectorFile:
    file = VectorFile(path, DIMENSION)
    for row in range(count):
        file.write(row, identity(row), np.full(DIMENSION, row, np.int8), row / 2)
    return file


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    file = written(tmp_path / "vectors")
    rows = np.array([3, 4, 5, 49, 0, 3])
    codes, scales = file.read(rows)
    assert codes[:, 0].tolist() == rows.tolist()
    assert scales.tolist() == (rows / 2).tolist()
    assert file.read(np.zeros(0, np.intp))[0].shape == (0, DIMENSION)


def test_a_new_process_finds_what_the_last_one_wrote(tmp_path: Path) -> None:
    written(tmp_path / "vectors").close()
    file = VectorFile(tmp_path / "vectors", DIMENSION)
    assert file.holds(np.arange(50), [identity(row) for row in range(50)]).all()


def test_overwritten_torn_and_missing_records_are_noticed(tmp_path: Path) -> None:
    file = written(tmp_path / "vectors")
    file.write(7, identity(1000), np.full(DIMENSION, 7, np.int8), 3.5)
    size = (tmp_path / "vectors").stat().st_size // 50
    with (tmp_path / "vectors").open("r+b") as raw:
        raw.seek(9 * size + 5)
        raw.write(b"\xff")
        raw.truncate(40 * size + 3)
    held = file.holds(np.arange(50), [identity(row) for row in range(50)])
    assert np.flatnonzero(~held).tolist() == [7, 9, *range(40, 50)]


def test_an_allocator_that_was_replaced_does_not_write_into_its_successor_s_file(tmp_path: Path) -> None:
    old = written(tmp_path / "vectors")
    new = VectorFile(tmp_path / "vectors", DIMENSION)
    old.write(3, identity(99), np.zeros(DIMENSION, np.int8), 0.0)
    assert new.holds(np.array([3]), [identity(3)]).all()


def test_a_disk_that_takes_nothing_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "vectors")
    monkeypatch.setattr("os.pwrite", lambda *_: 10)
    with pytest.raises(VectorFileUnusable, match="make room on its disk"):
        file.write(1, identity(1), np.zeros(DIMENSION, np.int8), 0.0)
    (tmp_path / "file").touch()
    with pytest.raises(VectorFileUnusable, match="cannot be used"):
        VectorFile(tmp_path / "file" / "vectors", DIMENSION)


def test_a_table_reads_from_a_file_what_it_would_read_from_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tables = [Candidates(DIMENSION, 100), Candidates(DIMENSION, 100, VectorFile(tmp_path / "v", DIMENSION))]
    for number in range(60):
        vector = rng.standard_normal(DIMENSION).astype(np.float32)
        for table in tables:
            identifier = f"00000000-0000-0000-0000-{number:012d}"
            table.add(identifier, "d", "u", vector, tokens=1, text_bytes=2, cluster=0)
    rows = rng.integers(0, 60, 20)
    assert np.array_equal(tables[0].vectors(rows), tables[1].vectors(rows))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def _stopped(world: World) -> list[str]:
    """Leave a snapshot with four passages that wait; return their ids."""
    identities = [world.passage("apples", number) for number in range(4)]
    service = world.service(PromptWorkers())
    service.recover()
    run(service, turns=5)
    service.snapshot()
    service.close()
    return identities


def test_a_restart_without_the_file_fetches_the_vectors_from_the_store(world: World) -> None:
    identities = _stopped(world)
    path = world.settings.data_dir / "state" / "allocator" / "candidates.vectors"
    path.unlink()
    world.passages.delete(identities[:1])
    service = world.service(PromptWorkers())
    service.recover()
    table = service.core.holdings.pool.candidates
    assert [each in table.rows for each in identities] == [False, True, True, True]
    assert service.core.without_vectors() == []
    stored = world.passages.get(identities[1:], vectors=True)
    kept = table.vectors(np.array([table.rows[each] for each in identities[1:]]))
    for point, vector in zip(stored, kept, strict=True):
        assert point is not None
        assert point.vector is not None
        assert float(point.vector @ vector) > 0.99
    world.reference("t", "1", "apples")
    run(service)
    assert service.core.status(now()).pairs == 3


def test_a_restart_with_the_file_asks_the_store_for_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stopped(world)
    asked: list[object] = []
    service = world.service(PromptWorkers())
    monkeypatch.setattr(world.passages, "get", asked.append)
    service.recover()
    assert asked == []
    assert len(service.core.holdings.pool.candidates) == 4
