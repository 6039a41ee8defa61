"""Walks over all points of the commit paths: crash there, come back, go on, and see what was promised.

What points there are is not written down anywhere: an undisturbed life and one that recovers tell. Every
step must be among them. As a program it walks all of them and prints what it found:

    python -m tests.crashes.walk --transport kafka
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from deploy.kafka.local_broker import LocalBroker
from equal_stream.steps import Step
from tests.crashes.life import CRASHED, Ending, Life, Point
from tests.crashes.nursery import LifeFailed, Nursery
from tests.crashes.promises import broken_promises

MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes there must be in memory: a walk under way takes some 20 MB
AMID_CALLS = Point("extractor", Step.ANSWER_JOURNALED, "first")  # some answers are journaled, some are not
AT_ONCE = 6  # walks on a broker: each waits for seconds until it gives up what a crash left open
WHOLE = ["first", "changes", "returns"]  # the parts of the crawl
AFTER_CRASH = ""  # the part of a life that begins where another was ended


Lives = Sequence[tuple[list[str], Point | None]]


@dataclass(frozen=True)
class Walk:
    """Lives one after the other on the same log: what each is fed, and where it is to end, by `point`."""

    point: Point
    lives: Lives


@dataclass
class Verdict:
    """What became of a walk: problems in sentences, none when every promise held."""

    point: Point
    problems: list[str] = field(default_factory=list)


def walks(undisturbed: Ending, recovered: Ending, times: int = 1) -> Iterator[Walk]:
    """Yield a walk for each point that the two lives passed, for the first few `times` they passed it.

    Where a point of one part of the crawl is one of a later part as well, the same walk crashes at both.
    Recovery with tickets open is reached by a crash amid calls.
    """
    passed = set(undisturbed.passed)
    for point in undisturbed.passed:
        twins = [each for part in WHOLE if (each := replace(point, part=part)) in passed]
        if point.count <= times and (not twins or twins[0] == point):
            yield Walk(point, list(_crashing_at(twins)) if twins else [(WHOLE, point), ([AFTER_CRASH], None)])
    for point in recovered.passed:
        if point.part == AFTER_CRASH and point.role == "recovery" and point.count <= times:
            rest = [AFTER_CRASH, *WHOLE[1:]]
            yield Walk(point, [(WHOLE[:1], AMID_CALLS), ([AFTER_CRASH], point), (rest, None)])


def _crashing_at(twins: Sequence[Point]) -> Iterator[tuple[list[str], Point | None]]:
    """Yield lives that go on with the crawl until the next of some points."""
    done = -1
    for point in twins:
        at = WHOLE.index(point.part)
        yield [AFTER_CRASH] * (done >= 0) + WHOLE[done + 1 : at + 1], point
        done = at
    yield [AFTER_CRASH, *WHOLE[done + 1 :]], None


class Walker:
    """Takes walks on logs of its own; a context manager.

    Parameters
    ----------
    bootstrap
        The broker to walk on; empty for the embedded transport.
    at_once
        How many walks are under way together: most of the time one only waits for the broker.
    """

    def __init__(self, bootstrap: str = "", at_once: int = 2) -> None:
        self._bootstrap = bootstrap
        memory = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None
        self._directory = Path(tempfile.mkdtemp(prefix="crashes-", dir=memory))
        self._nursery = Nursery(self._directory / "said.txt")
        self._pool = ThreadPoolExecutor(at_once)

    def __enter__(self) -> Self:
        self._nursery.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._nursery.__exit__(kind, error, trace)
        shutil.rmtree(self._directory, ignore_errors=True)

    def references(self) -> tuple[Ending, Ending]:
        """Live undisturbed, and once more with a crash amid calls; return how both ended."""
        undisturbed = [(WHOLE, None)]
        recovered = [(WHOLE[:1], AMID_CALLS), ([AFTER_CRASH, *WHOLE[1:]], None)]
        first, second = self._pool.map(self._taken, [undisturbed, recovered])
        return first, second

    def walk_all(self, walks: Iterable[Walk]) -> Iterator[Verdict]:
        """Take walks and audit what they leave."""
        yield from self._pool.map(self._walk, walks)

    def _walk(self, walk: Walk) -> Verdict:
        with self._new_directory() as directory:
            try:
                return Verdict(walk.point, broken_promises(self._lives(walk.lives, directory)))
            except LifeFailed as error:
                return Verdict(walk.point, [str(error)])

    def _taken(self, lives: Lives) -> Ending:
        with self._new_directory() as directory:
            life = self._lives(lives, directory)
            if problems := broken_promises(life):
                raise LifeFailed(f"without a crash at a point of its own: {problems}")
            return msgspec.json.decode(life.ending.read_bytes(), type=Ending)

    @contextmanager
    def _new_directory(self) -> Iterator[Path]:
        """Give a directory to one walk; what lives in it is gone afterwards."""
        directory = self._directory / uuid4().hex[:8]
        directory.mkdir()
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _lives(self, lives: Lives, directory: Path) -> Life:
        for number, (parts, crash) in enumerate(lives, 1):
            life = Life(
                directory=str(directory),
                parts=parts,
                crash=crash,
                bootstrap=self._bootstrap,
                prefix=f"{directory.name}.",
            )
            code = self._nursery.live(life)
            late = crash is not None and crash.count > 1 and code == 0  # there was less to do this time
            if code != (CRASHED if crash else 0) and not late:
                wanted = f"never came to {crash}" if crash and not code else f"ended with {code}"
                raise LifeFailed(f"life {number} {wanted}: {self._nursery.said()}")
        return life


def steps_missing(*endings: Ending) -> set[Step]:
    """Return the steps that were never passed."""
    return set(Step) - {point.step for ending in endings for point in ending.passed}


def main() -> int:
    """Walk all points on one transport and print a line for each."""
    parser = argparse.ArgumentParser(description="Crash at every step of every commit path.")
    parser.add_argument("--transport", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument(
        "--times", type=int, default=1, help="of those a point is passed (default: the first)"
    )
    arguments = parser.parse_args()
    if arguments.transport == "embedded":
        return _walk_all("", arguments.times)
    with LocalBroker() as broker:
        return _walk_all(broker.bootstrap, arguments.times)


def _walk_all(bootstrap: str, times: int) -> int:
    taken = broken = 0
    with Walker(bootstrap, AT_ONCE if bootstrap else 2) as walker:
        endings = walker.references()
        missing = steps_missing(*endings)
        for verdict in walker.walk_all(walks(*endings, times)):
            taken += 1
            broken += bool(verdict.problems)
            print(
                "BROKEN" if verdict.problems else "held  ",
                verdict.point,
                *verdict.problems,
                sep="  ",
                flush=True,
            )
    print(f"{taken} walks, {broken} broke a promise; steps never passed: {sorted(missing) or 'none'}")
    return 1 if broken or missing else 0


if __name__ == "__main__":
    sys.exit(main())
