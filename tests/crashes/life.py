"""One life of the service in a process of its own, which may end at a step as kill -9 would end it."""

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from equal_stream import steps, topics
from equal_stream.settings import AllocationSettings, BudgetSettings, KafkaSettings, Settings, TopicSettings
from equal_stream.steps import Step
from equal_stream.transport.creation import topic_specs
from equal_stream.transport.factory import open_transport
from tests.crashes.crawl import feed
from tests.crashes.service import Turn, WholeService

CRASHED = 86  # exit code of a life that ended where it was told to
CAP = 60_000  # tokens: what the crawl costs, and room for some calls of unknown fate
PARTITIONS = 2  # of the topics that have several
SESSION_MS = {"embedded": 200, "kafka": 1_500}  # how soon a dead member's partitions are free
TRANSACTION_MS = 5_000  # how soon the broker ends the transaction that a dead embedder left open
STOPPING = "stopping"  # the last part of a life
_HELPERS = {"save": "clusterer"}  # threads of a role, by how their names begin; the others extract


class Point(msgspec.Struct, frozen=True, order=True):
    """The `count`-th time that a role passes a step in a part of a life."""

    role: str
    step: Step
    part: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.role} ({self.part or 'again'}): {self.step}" + f", {self.count}" * (self.count > 1)


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does: for each part, feed it and work until nothing is left.

    `parts` are names in `crawl.PARTS`. The process ends at `crash` when that is reached; where it ends in
    good order, it leaves an `Ending`.
    """

    directory: str
    parts: list[str]
    crash: Point | None = None
    bootstrap: str = ""
    prefix: str = ""

    @property
    def settings(self) -> Settings:
        """The settings of the service."""
        several = {topic.name: PARTITIONS for topic in topics.TOPICS if topic.partitions > 1}
        transport: Literal["embedded", "kafka"] = "kafka" if self.bootstrap else "embedded"
        return Settings(
            transport=transport,
            data_dir=Path(self.directory),
            topics=TopicSettings(prefix=self.prefix, partitions=several),
            kafka=KafkaSettings(
                bootstrap_servers=self.bootstrap,
                session_timeout_ms=SESSION_MS[transport],
                transaction_timeout_ms=TRANSACTION_MS,
            ),
            budget=BudgetSettings(tokens_total=CAP),
            allocation=AllocationSettings(exploration=0.0),
        )

    @property
    def bill(self) -> Path:
        """What the LLM billed."""
        return Path(self.directory) / "bill.jsonl"

    @property
    def ending(self) -> Path:
        """Where a life that ended in good order leaves its `Ending`."""
        return Path(self.directory) / "ending.json"


class Ending(msgspec.Struct, frozen=True):
    """Every point passed, the passages in the store, and those that the documents there name."""

    passed: list[Point]
    stored: list[str]
    named: list[str]


class Passed(Turn):
    """Notes which points are passed, and ends the process at one of them."""

    def __init__(self, crash: Point | None) -> None:
        super().__init__()
        self._crash = crash
        self._main = threading.current_thread()
        self.part = ""
        self.points: list[Point] = []
        self._counts: Counter[tuple[str, Step, str]] = Counter()

    def __call__(self, step: Step) -> None:
        place = self._whose(), step, self.part
        self._counts[place] += 1
        at = Point(*place, self._counts[place])
        self.points.append(at)
        if at == self._crash:
            os._exit(CRASHED)

    def _whose(self) -> str:
        thread = threading.current_thread()
        if thread is self._main:
            return self.role
        return _HELPERS.get(thread.name.partition("_")[0], "extractor")


def live(life: Life) -> None:
    """Live a life to its end, one way or the other."""
    settings = life.settings
    transport = open_transport(settings)
    transport.create_topics(topic_specs(settings))
    passed = Passed(life.crash)
    service: WholeService | None = None
    for part in life.parts:
        feed(transport, part)
        passed.part = part
        steps.arm(passed)
        service = service or WholeService(settings, transport, life.bill, passed, anew=bool(part))
        service.run()
        steps.arm(None)
    assert service is not None
    passed.part = STOPPING
    steps.arm(passed)
    service.close()
    steps.arm(None)
    life.ending.write_bytes(
        msgspec.json.encode(Ending(sorted(passed.points), service.stored(), service.named()))
    )
    transport.close()
